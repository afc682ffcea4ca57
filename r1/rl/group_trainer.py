"""GRPO and its kin: advantages relative to the group, on TRL's GRPOTrainer; DAPO's dynamic sampling is ours."""

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
        """Rollouts; groups without variance are replaced by other prompts' that have some (DAPO, section 3.2).

        Variance is that of the stage's own rewards: one of length alone says nothing of a group of wrong answers.
        """
        group, rounds = self.num_generations, self.algorithm.max_resampling_rounds
        if not rounds:
            return super()._generate_and_score_completions(inputs)
        batch = super()._generate_and_score_completions(self._next_prompts(len(inputs) // group))
        scores, flat = self.scores, flat_groups(self.scores, group)
        logged = {name: len(values) for name, values in self._metrics["train"].items()}
        for _ in range(rounds):
            wanted = self.accelerator.gather(torch.tensor([len(flat)], device=self.accelerator.device)).max()
            if not wanted or self.record.spent:
                break
            fresh = super()._generate_and_score_completions(self._next_prompts(int(wanted)))
            varied = sorted(set(range(int(wanted))) - set(flat_groups(self.scores, group)))
            exchanged = list(zip(flat, varied, strict=False))
            out = [row for into, _ in exchanged for row in range(into * group, (into + 1) * group)]
            come = [row for _, taken in exchanged for row in range(taken * group, (taken + 1) * group)]
            batch = replace_rows(batch, out, fresh, come, self._tokenizer.pad_token_id)
            scores[out] = self.scores[come]
            flat = flat_groups(scores, group)
        # What is logged is the first draw, as with other algorithms; the chosen groups flatter the policy.
        for name, values in self._metrics["train"].items():
            del values[logged.get(name, 0) :]
        batch["num_items_in_batch"] = self.accelerator.gather(batch["completion_mask"].sum()).sum()
        return batch

    def _next_prompts(self, groups: int) -> list[dict[str, Any]]:
        """The next prompts of the run, each `num_generations` times.

        By rollouts and not by steps, so that a schedule (general prompts last, the hardest last) is kept
        however many rollouts are spent on replacing.
        """
        start = self.record.rollouts // self.num_generations + self.accelerator.process_index * groups
        rows = [self.train_dataset[(start + number) % len(self.train_dataset)] for number in range(groups)]
        return [dict(row) for row in rows for _ in range(self.num_generations)]
