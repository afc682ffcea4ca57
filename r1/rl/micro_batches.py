"""Micro-batches of an RL step: rollouts sorted by length, bounded by tokens, each trimmed to its own longest.

TRL pads a whole generation round to its longest prompt and completion and cuts it into micro-batches of equal rows.
Here TRL sees one batch per optimizer step, its window, and the mixin cuts the window, for scoring and training alike.
The loss of a window is that of TRL on the padded window: what TRL averages over completions is weighted by the
micro-batch's share of them, what it divides by the tokens of the round is summed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import DistributedType
from torch import Tensor

from r1.models.lengths import Lengths, by_length, cut, padded_tokens
from r1.rl.rollout_batch import prompt_and_completion

SUMMED = ("critic/loss",)
"""Logged per micro-batch as its part of the optimizer step's; all else is a mean, a minimum or a maximum."""


@dataclass(frozen=True)
class MicroBatchLimit:
    """Bound of a micro-batch, padding included.

    Attributes:
        rows: without `tokens`, a micro-batch has no more tokens than so many rows of the padded length of all.
        tokens: rows times padded length; a longer row is a micro-batch of its own.
    """

    rows: int
    tokens: int | None

    def budget(self, padded_length: int) -> int:
        """Tokens per micro-batch. Args: the longest prompt plus the longest completion of all rows."""
        return self.rows * padded_length if self.tokens is None else self.tokens


def row_lengths(batch: dict[str, Any]) -> list[tuple[int, int]]:
    """Tokens of each row's prompt and completion."""
    pairs = torch.stack([batch["prompt_mask"].sum(dim=1), batch["completion_mask"].sum(dim=1)], dim=1)
    return [(prompt, completion) for prompt, completion in pairs.tolist()]


def trimmed(batch: dict[str, Any], rows: list[int], lengths: Lengths) -> dict[str, Any]:
    """Some rows of a batch, without the padding that all of them have.

    Args:
        batch: TRL's batch: tensors of [batch], [batch, tokens] or [batch, 1], and scalars. Prompts are padded on the
            left, everything else on the right.
        rows: indices of the rows.
        lengths: of all rows of the batch.
    """
    prompt, completion = (max(1, max(lengths[row][part] for row in rows)) for part in (0, 1))

    def part_of(key: str, value: Tensor) -> Tensor:
        if value.ndim == 0:
            return value
        chosen = value[rows]
        if value.ndim == 1:
            return chosen
        return chosen[:, -prompt:] if key.startswith("prompt_") else chosen[:, :completion]

    return {key: part_of(key, value) for key, value in batch.items()}


class MicroBatched:
    """Mixin before TRL's trainer: scores and trains a window of rollouts in trimmed micro-batches.

    The trainer's arguments make the window TRL's micro-batch: no gradient accumulation but the one here. All processes
    have equally many micro-batches, with equally many rows.
    """

    args: Any
    accelerator: Any
    _metrics: dict[str, dict[str, list[float]]]

    def __init__(self, *args: Any, micro_batch: MicroBatchLimit, **kwargs: Any) -> None:
        """Args: the bound of a micro-batch."""
        self.micro_batch = micro_batch
        super().__init__(*args, **kwargs)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Tensor:
        """Loss of a window; its gradients are accumulated here, except those of the last micro-batch.

        Args:
            model: the wrapped policy.
            inputs: the rollouts of one optimizer step.

        Returns:
            Scalar, the window's loss; its gradient is the last micro-batch's.
        """
        lengths = row_lengths(inputs)
        parts = self._cut(lengths)
        logged = {name: len(values) for name, values in self._metrics["train"].items()}
        earlier = torch.zeros((), device=self.accelerator.device)
        for rows in parts[:-1]:
            with self._accumulating(model):
                loss = self._part_loss(model, inputs, rows, lengths, *args, **kwargs)
                self.accelerator.backward(loss)
                earlier = earlier + loss.detach()
        loss = self._part_loss(model, inputs, parts[-1], lengths, *args, **kwargs)
        self._merge_metrics(logged, lengths, parts)
        return loss + earlier

    def _part_loss(
        self, model: Any, window: dict[str, Any], rows: list[int], lengths: Lengths, *args: Any, **kwargs: Any
    ) -> Tensor:
        loss: Tensor = super().compute_loss(model, trimmed(window, rows, lengths), *args, **kwargs)  # type: ignore[misc]
        summed = getattr(self, "loss_type", None) == "dapo"  # divided by the tokens of the round
        return loss if summed else loss * (len(rows) / len(lengths))

    @contextmanager
    def _accumulating(self, model: Any) -> Iterator[None]:
        """Keep gradients in this process (ddp), or tell DeepSpeed that more follow.

        Under fsdp2 they are reduced at once: gradients kept back would be whole ones, of all parameters.
        """
        state, synced = self.accelerator.gradient_state, self.accelerator.sync_gradients
        state._set_sync_gradients(False)
        try:
            if self.accelerator.distributed_type in (DistributedType.MULTI_GPU, DistributedType.MULTI_CPU):
                with self.accelerator.no_sync(model):
                    yield
            else:
                yield
        finally:
            state._set_sync_gradients(synced)

    def _merge_metrics(self, logged: dict[str, int], lengths: Lengths, parts: list[list[int]]) -> None:
        """Make one value of those that TRL logged per micro-batch, and log the share of padding.

        Means are weighted by completion tokens, or by rows where there is one ratio per sequence.
        """
        rows = [float(len(part)) for part in parts]
        tokens = [float(sum(lengths[row][1] for row in part)) for part in parts]
        needed = [float(sum(sum(lengths[row]) for row in part)) for part in parts]
        computed = [float(padded_tokens(lengths, part)) for part in parts]
        local = torch.tensor([rows, tokens, needed, computed], device=self.accelerator.device)
        rows, tokens, needed, computed = self.accelerator.reduce(local, reduction="sum").tolist()
        per_sequence = getattr(self, "importance_sampling_level", "sequence") == "sequence"  # RLOO has no such level
        for name, values in self._metrics["train"].items():
            start = logged.get(name, 0)
            if len(values) - start != len(parts):
                continue
            new = values[start:]
            if name.endswith("_min"):
                values[start:] = [min(new)]
            elif name.endswith("_max"):
                values[start:] = [max(new)]
            elif name in SUMMED:
                values[start:] = [sum(new)]
            else:
                weights = rows if per_sequence and name.startswith("clip_ratio/") else tokens
                weighted = [weight * value for weight, value in zip(weights, new, strict=True)]
                values[start:] = [sum(weighted) / sum(weights)]
        self._metrics["train"]["padding_share"].append(1 - sum(needed) / sum(computed))

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """TRL's, which scores a round if it gets a `batch_size`; training and the KL pass trimmed micro-batches."""
        compute = super()._get_per_token_logps_and_entropies  # type: ignore[misc]
        if batch_size is None:
            return compute(model, input_ids, attention_mask, logits_to_keep, **kwargs)
        batch = {
            f"{part}_{of}": whole[:, columns]
            for of, whole in (("ids", input_ids), ("mask", attention_mask))
            for part, columns in (("prompt", slice(-logits_to_keep)), ("completion", slice(-logits_to_keep, None)))
        }

        def score(micro: dict[str, Any]) -> Tensor:
            ids, mask = prompt_and_completion(micro)
            scored: Tensor = compute(model, ids, mask, micro["completion_ids"].shape[1], **kwargs)[0]
            return scored

        return self._by_micro_batches(batch, score), None, None

    def _by_micro_batches(self, batch: dict[str, Any], score: Callable[[dict[str, Any]], Tensor]) -> Tensor:
        """Score a round in micro-batches.

        Args:
            batch: ids and masks of prompts and completions.
            score: from a micro-batch to [rows, its completion tokens].

        Returns:
            [batch, completion tokens], 0 beyond a micro-batch's longest completion.
        """
        lengths, width = row_lengths(batch), batch["completion_ids"].shape[1]
        found = [(rows, score(trimmed(batch, rows, lengths))) for rows in self._cut(lengths)]
        whole = found[0][1].new_zeros((len(lengths), width))
        for rows, scores in found:
            whole[rows, : scores.shape[1]] = scores
        return whole

    def _cut(self, lengths: Lengths) -> list[list[int]]:
        """This process's rows by micro-batch.

        All processes cut at the same places, as TRL gathers values by row: where the longest of their rows of the same
        rank do not fit.
        """
        order = by_length(lengths)
        ranked = [lengths[row] for row in order]
        if self.accelerator.num_processes > 1:
            gathered = self.accelerator.gather(torch.tensor(ranked, device=self.accelerator.device))
            longest = gathered.view(self.accelerator.num_processes, len(ranked), 2).amax(dim=0)
            ranked = [(prompt, completion) for prompt, completion in longest.tolist()]
        everything = padded_tokens(ranked, range(len(ranked)))
        parts = cut(ranked, self.micro_batch.budget(everything // len(ranked)))
        return [[order[rank] for rank in part] for part in parts]
