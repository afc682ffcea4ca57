"""TRL's trainers by algorithm: one small subclass per way to estimate the advantage.

GRPO, Dr. GRPO, DAPO and GSPO are settings of TRL's GRPOTrainer (DAPO's dynamic
sampling is ours); RLOO is TRL's RLOOTrainer; REINFORCE++ and PPO use our per-token
advantages in GRPOTrainer's clipped loss, and PPO adds a critic.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from trl import RLOOTrainer

from r1.config.rl import GroupRelativeConfig, LeaveOneOutConfig, PpoConfig, ReinforcePlusPlusConfig
from r1.rl.group_trainer import GroupTrainer
from r1.rl.token_trainer import PpoTrainer, TokenTrainer
from r1.rl.watched import Watched


class LeaveOneOutTrainer(Watched, RLOOTrainer):  # type: ignore[misc]
    """TRL's RLOO, with our logging and our correction of vLLM's rollouts, which TRL has for GRPO alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sampler: list[list[float]] = []
        self._at_sampling: Tensor | None = None
        self._token_weights: Tensor | None = None
        if self.use_vllm:
            self.vllm_generation.logprobs = 0  # of the sampled token alone; TRL's RLOO asks for none
            self.vllm_generation.generate = self._remembering(self.vllm_generation.generate)

    def _remembering(self, generate: Callable[..., Any]) -> Callable[..., Any]:
        """Keep vLLM's log-probabilities, which TRL's RLOO discards."""

        def remember(*args: Any, **kwargs: Any) -> Any:
            output = generate(*args, **kwargs)
            self._sampler = [[math.nan if one[0] is None else one[0] for one in tokens] for tokens in output[2]]
            self._at_sampling = None
            return output

        return remember

    def _sampled(self, *prompts: Any) -> list[list[int]]:
        return list(self._generate_single_turn(*prompts))

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        logps, *others = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if self.use_vllm and self._at_sampling is None:  # the first forward pass after generation is the policy's
            self._at_sampling = logps.detach()
        if self._token_weights is not None and logps.requires_grad:
            # RLOO's ratio is one per sequence, so weights go to the tokens' gradients; the ratio and its clipping stay.
            logps = logps.detach() + self._token_weights * (logps - logps.detach())
        return logps, *others

    def _sampler_log_probabilities(self, batch: dict[str, Any]) -> Tensor | None:
        if not self.use_vllm:
            return None
        batch["old_per_token_logps"] = self._at_sampling
        rows = [torch.tensor(row, device=batch["completion_ids"].device) for row in self._sampler]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return nn.functional.pad(padded, (0, batch["completion_ids"].shape[1] - padded.shape[1]))

    def _weighted(self, inputs: dict[str, Any]) -> dict[str, Any]:
        self._token_weights = inputs.get("sampler_weights")
        return inputs


TRAINERS: dict[type, type[Watched]] = {
    GroupRelativeConfig: GroupTrainer,
    LeaveOneOutConfig: LeaveOneOutTrainer,
    ReinforcePlusPlusConfig: TokenTrainer,
    PpoConfig: PpoTrainer,
}
