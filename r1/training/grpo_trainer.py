"""TRL's GRPOTrainer, with samples kept and language mixing and reflection logged."""

from typing import Any

import torch
from trl import GRPOTrainer

from r1.rewards.common import texts
from r1.text import count_reflections, is_mixed


class SamplingGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPOTrainer that keeps a few groups with their rewards, and logs language mixing and reflection."""

    def __init__(self, *args: Any, keep_every: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keep_every = keep_every
        self.kept: list[dict[str, Any]] = []

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[Any], completions: list[Any], completion_ids_list: list[Any]
    ) -> torch.Tensor:
        rewards: torch.Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        responses = texts(completions)
        self._log_metric("language_mixing", sum(map(is_mixed, responses)) / len(responses))
        self._log_metric("reflection_rate", sum(count_reflections(text) > 0 for text in responses) / len(responses))
        step = self.state.global_step + 1
        if step == 1 or step % self.keep_every == 0:
            # The first group and the last: in the final RL the last is a general prompt's.
            group = self.num_generations
            for index in dict.fromkeys([*range(group), *range(len(responses) - group, len(responses))]):
                self.kept.append(
                    {
                        "step": step,
                        "prompt": prompts[index][-1]["content"],
                        "completion": responses[index],
                        "answer": inputs[index]["answer"],
                        **dict(zip(self.reward_func_names, rewards[index].tolist(), strict=True)),
                    }
                )
        return rewards
