"""TRL's trainers by algorithm: one small subclass for each way to an advantage.

GRPO, Dr. GRPO, DAPO and GSPO are settings of TRL's GRPOTrainer (DAPO's dynamic
sampling is ours), RLOO is TRL's RLOOTrainer; REINFORCE++ and PPO put token
advantages of our own into GRPOTrainer's clipped loss, PPO with a critic.
"""

from trl import RLOOTrainer

from r1.config.rl import GroupRelativeConfig, LeaveOneOutConfig, PpoConfig, ReinforcePlusPlusConfig
from r1.rl.group_trainer import GroupTrainer
from r1.rl.token_trainer import PpoTrainer, TokenTrainer
from r1.rl.watched import Watched


class LeaveOneOutTrainer(Watched, RLOOTrainer):  # type: ignore[misc]
    """RLOO as TRL has it, watched."""


TRAINERS: dict[type, type[Watched]] = {
    GroupRelativeConfig: GroupTrainer,
    LeaveOneOutConfig: LeaveOneOutTrainer,
    ReinforcePlusPlusConfig: TokenTrainer,
    PpoConfig: PpoTrainer,
}
