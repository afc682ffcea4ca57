"""Every rollout of a run as a row of the rollout log, as a mixin of the trainers."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor

from r1.config.rl import RlConfig
from r1.models.turns import cut
from r1.rl.validation import Validated
from r1.training.rollout_log import FOLDER, RolloutLog


class Kept(Validated):
    """Keep every rollout that a round draws, those included that dynamic sampling replaces, and some as samples.

    A row is complete once the trainer has noted what it trains with; the rows of a round are written together.

    Attributes:
        rewards: [global batch, rewards] of the last rollouts, NaN where a reward does not apply.
    """

    args: Any
    eos_token_ids: list[int]
    num_generations: int
    rewards: Tensor
    reward_func_names: list[str]

    def __init__(self, *args: Any, rl: RlConfig, **kwargs: Any) -> None:
        super().__init__(*args, rl=rl, **kwargs)
        self.rollout_log = RolloutLog(Path(self.args.output_dir) / FOLDER, rl.rollouts_mib, self.record)
        self._drawn: list[dict[str, Any]] = []

    def _scores(self) -> Tensor:
        """Weighted sum of all rewards, [global batch], NaN where no reward applies."""
        raise NotImplementedError

    def _keep(
        self, inputs: list[dict[str, Any]], prompts: list[Any], responses: list[str], completions: list[list[int]]
    ) -> None:
        """Add the rollouts that were just rewarded, those of all processes.

        Args:
            inputs: this process's rows of prompts.
            prompts, responses, completions: conversations, texts and token ids of its rollouts.
        """
        rows = gather_object(self._described(inputs, prompts, responses, completions))
        group, first, scores = self.num_generations, len(self._drawn) // self.num_generations, self._scores().tolist()
        named = [dict(zip(self.reward_func_names, values, strict=True)) for values in self.rewards.tolist()]
        for index, (row, by_name) in enumerate(zip(rows, named, strict=True)):
            of_rewards = {f"reward_{name.removesuffix('_reward')}": value for name, value in by_name.items()}
            unknown = dict.fromkeys(("advantage", "sampler_logprob", "trainer_logprob"))
            drawn = {"group": first + index // group, **row, "reward": scores[index], **of_rewards, **unknown}
            self._drawn.append(drawn)
        if self.record.wants_samples():
            # The first and the last group: in the final RL the last one's prompt is general.
            for index in dict.fromkeys([*range(group), *range(len(rows) - group, len(rows))]):
                shown = {key: rows[index][key] for key in ("prompt", "completion", "answer")}
                self.record.samples.append({"step": self.state.global_step + 1, **shown, **named[index]})

    def _described(
        self, inputs: list[dict[str, Any]], prompts: list[Any], responses: list[str], completions: list[list[int]]
    ) -> list[dict[str, Any]]:
        """This process's rollouts as rows of the rollout log, without rewards and advantages."""
        truncated = self._truncated(completions)
        return [
            {
                **{key: row.get(key) for key in ("family", "task", "level")},
                "prompt": prompt[-1]["content"],
                "answer": row["answer"],
                "completion": response,
                "tokens": len(ids),
                "truncated": cut_short,
            }
            for row, prompt, response, ids, cut_short in zip(
                inputs, prompts, responses, completions, truncated, strict=True
            )
        ]

    def _truncated(self, completions: list[list[int]]) -> list[bool]:
        """Whether each completion, in token ids, ended at the length limit."""
        ended = {*self.eos_token_ids, self.processing_class.pad_token_id}
        unended = [not ids or ids[-1] not in ended for ids in completions]
        if not self.stops:
            return unended
        texts_of = self.processing_class.batch_decode(completions, skip_special_tokens=True)
        return [open_ and not cut(text, self.stops)[1] for open_, text in zip(unended, texts_of, strict=True)]

    def _note(self, column: str, values: Tensor) -> None:
        """Add a value, [local batch], to each of the rollouts that were drawn last, those of all processes."""
        everywhere = self.accelerator.gather(values).tolist()
        for row, value in zip(self._drawn[-len(everywhere) :], everywhere, strict=True):
            row[column] = value

    def _forget_advantages(self, starts: list[int], chosen: list[tuple[int, int]]) -> None:
        """Leave an advantage only to the rollouts that are trained on, after a round of several draws.

        Args:
            starts: number of rollouts drawn, by all processes, before each draw.
            chosen: draw and this process's row of each rollout in its batch.
        """
        for draw, (start, end) in enumerate(pairwise([*starts, len(self._drawn)])):
            rows = torch.zeros((end - start) // self.accelerator.num_processes, device=self.accelerator.device)
            rows[[row for of, row in chosen if of == draw]] = 1
            for row, trained in zip(self._drawn[start:end], self.accelerator.gather(rows).tolist(), strict=True):
                row["advantage"] = row["advantage"] if trained else None

    def _write_drawn(self) -> None:
        """Write the rollouts of a round, if there was one."""
        if self._drawn and self.accelerator.is_main_process:
            self.rollout_log.add(self.state.global_step + 1, self._drawn)
        self._drawn = []
