"""GRPO and its variants: group-relative advantages by TRL's GRPOTrainer, plus our dynamic sampling for DAPO."""

from typing import Any

import torch
from trl import GRPOTrainer

from r1.config.rl import GroupRelativeConfig
from r1.rl.rollout_batch import flat_groups, replace_rows
from r1.rl.watched import Watched


class GroupTrainer(Watched, GRPOTrainer):  # type: ignore[misc]
    """GRPO, Dr. GRPO, GSPO, and DAPO with its dynamic sampling."""

    algorithm: GroupRelativeConfig

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Sample rollouts; replace groups without reward variance by groups with some (DAPO, section 3.2).

        Only the stage's own rewards count: a length reward alone gives an all-wrong group variance but no signal.
        """
        group, rounds = self.num_generations, self.algorithm.max_resampling_rounds
        if not rounds:
            return super()._generate_and_score_completions(inputs)
        starts = [len(self._drawn)]
        batch = super()._generate_and_score_completions(self._next_prompts(len(inputs) // group))
        chosen = [(0, row) for row in range(len(inputs))]  # draw and row of each rollout in the batch
        scores, flat = self.scores, flat_groups(self.scores, group)
        logged = {name: len(values) for name, values in self._metrics["train"].items()}
        for _ in range(rounds):
            wanted = self.accelerator.gather(torch.tensor([len(flat)], device=self.accelerator.device)).max()
            if not wanted or self.record.spent:
                break
            starts.append(len(self._drawn))
            fresh = super()._generate_and_score_completions(self._next_prompts(int(wanted)))
            varied = sorted(set(range(int(wanted))) - set(flat_groups(self.scores, group)))
            exchanged = list(zip(flat, varied, strict=False))
            replaced = [row for into, _ in exchanged for row in range(into * group, (into + 1) * group)]
            replacements = [row for _, taken in exchanged for row in range(taken * group, (taken + 1) * group)]
            batch = replace_rows(batch, replaced, fresh, replacements, self._tokenizer.pad_token_id)
            scores[replaced] = self.scores[replacements]
            for row, replacement in zip(replaced, replacements, strict=True):
                chosen[row] = (len(starts) - 1, replacement)
            flat = flat_groups(scores, group)
        # Log the first draw, as the other algorithms do: the groups chosen afterwards would flatter the policy.
        for name, values in self._metrics["train"].items():
            del values[logged.get(name, 0) :]
        self._forget_advantages(starts, chosen)
        batch["num_items_in_batch"] = self.accelerator.gather(batch["completion_mask"].sum()).sum()
        return batch

    def _next_prompts(self, groups: int) -> list[dict[str, Any]]:
        """The next prompts of the run, each `num_generations` times.

        The position follows from the rollouts sampled, not from the step, so that the schedule (general prompts
        last, or hardest last) is kept however many rollouts go into replacements.
        """
        start = self.record.rollouts // self.num_generations + self.accelerator.process_index * groups
        rows = [self.train_dataset[(start + number) % len(self.train_dataset)] for number in range(groups)]
        return [dict(row) for row in rows for _ in range(self.num_generations)]
