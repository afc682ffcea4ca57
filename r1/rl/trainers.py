"""TRL's trainers by algorithm: one small subclass per way to estimate the advantage.

GRPO, Dr. GRPO, DAPO and GSPO are settings of TRL's GRPOTrainer (DAPO's dynamic
sampling is ours); RLOO is TRL's RLOOTrainer; REINFORCE++ and PPO use our per-token
advantages in GRPOTrainer's clipped loss, and PPO adds a critic.
"""

from trl import RLOOTrainer

from r1.config.rl import GroupRelativeConfig, LeaveOneOutConfig, PpoConfig, ReinforcePlusPlusConfig
from r1.rl.group_trainer import GroupTrainer
from r1.rl.token_trainer import PpoTrainer, TokenTrainer
from r1.rl.watched import Watched


class LeaveOneOutTrainer(Watched, RLOOTrainer):  # type: ignore[misc]
    """TRL's RLOO, with our logging."""


TRAINERS: dict[type, type[Watched]] = {
    GroupRelativeConfig: GroupTrainer,
    LeaveOneOutConfig: LeaveOneOutTrainer,
    ReinforcePlusPlusConfig: TokenTrainer,
    PpoConfig: PpoTrainer,
}
