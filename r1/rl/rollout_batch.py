"""Operations on TRL's batch of rollouts."""

from typing import Any

import torch
from torch import Tensor, nn


def prompt_and_completion(batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask of prompt and completion, [batch, prompt + completion]."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    return ids, torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)


def flat_groups(scores: Tensor, group: int) -> list[int]:
    """Indices of the groups in which all completions have the same score.

    Args:
        scores: [groups * group], NaN where no reward applies.
        group: completions per group.
    """
    grouped = scores.view(-1, group)
    highest = grouped.nan_to_num(nan=-torch.inf).amax(dim=1)
    lowest = grouped.nan_to_num(nan=torch.inf).amin(dim=1)
    return (~(highest - lowest > 1e-6)).nonzero().flatten().tolist()


def replace_rows(
    batch: dict[str, Any], replaced: list[int], fresh: dict[str, Any], replacements: list[int], pad_token_id: int
) -> dict[str, Any]:
    """A batch of rollouts with some rows replaced by rows of another batch; the narrower tensor is padded.

    Args:
        batch, fresh: TRL's batches, tensors of [batch, ...]; prompts are padded on the left, completions on the right.
        replaced, replacements: rows of `batch` to replace, and as many rows of `fresh` to replace them with.
        pad_token_id: pads token ids; everything else is padded with 0.
    """
    merged = {}
    for key, value in batch.items():
        other = fresh[key]
        if value.ndim == 2:
            fill = pad_token_id if key.endswith("_ids") else 0
            width = max(value.shape[1], other.shape[1])
            value, other = (_pad(tensor, width, key.startswith("prompt"), fill) for tensor in (value, other))
        if value.ndim:
            value = value.clone()
            value[replaced] = other[replacements]
        merged[key] = value
    return merged


def _pad(tensor: Tensor, width: int, left: bool, fill: int) -> Tensor:
    missing = width - tensor.shape[1]
    return nn.functional.pad(tensor, (missing, 0) if left else (0, missing), value=fill)
