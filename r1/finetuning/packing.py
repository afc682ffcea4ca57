"""Micro-batches of a supervised step: the same examples per step, sorted by length, padded to their own longest.

TRL's packing fills blocks of max_length, so that an optimizer step has another number of examples, and needs other
hyperparameters. Here a step keeps its examples; only how they share out to its micro-batches changes, which the loss
does not depend on: it is a sum over tokens, divided by those of the step.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from r1.models.lengths import balanced
from r1.support.errors import UserError

FILLS = {"labels": -100, "attention_mask": 0}
"""Padding by key; input ids are padded with the tokenizer's token."""
IGNORED = FILLS["labels"]
PACKS = ("qwen2", "qwen3", "llama", "deepseek_v3")
"""Architectures, by transformers' `model_type`, in which packed examples do not attend to each other."""


def regrouped(batches: list[dict[str, Tensor]], pad_token_id: int, packing: bool) -> list[dict[str, Tensor]]:
    """The same examples in as many micro-batches, sorted by length.

    Args:
        batches: a step's micro-batches of `input_ids`, `labels` and `attention_mask`, [rows, tokens], padded on the
            right.
        pad_token_id: pads input ids.
        packing: concatenate a micro-batch's examples instead of padding them.
    """
    examples = [example for batch in batches for example in _examples(batch)]
    parts = balanced([(0, len(example["input_ids"])) for example in examples], len(batches))
    grouped = [[examples[row] for row in rows] for rows in parts]
    return [_concatenated(group) if packing else _padded(group, pad_token_id) for group in grouped]


def _examples(batch: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    for row, length in enumerate(batch["attention_mask"].sum(dim=1).tolist()):
        yield {key: batch[key][row, :length] for key in ("input_ids", "labels", "attention_mask")}


def _padded(examples: list[dict[str, Tensor]], pad_token_id: int) -> dict[str, Tensor]:
    return {
        key: nn.utils.rnn.pad_sequence(
            [example[key] for example in examples], batch_first=True, padding_value=FILLS.get(key, pad_token_id)
        )
        for key in examples[0]
    }


def _concatenated(examples: list[dict[str, Tensor]]) -> dict[str, Any]:
    """One row without padding, in which no example attends to another.

    transformers derives the mask from positions that restart if it gets no attention mask and no cache, which TRL never
    trains with; FlashAttention takes the boundaries. An example's first token has no label: the token before it is
    another's.
    """
    ids = [example["input_ids"] for example in examples]
    labels = torch.cat([example["labels"] for example in examples])
    lengths = torch.tensor([len(one) for one in ids], dtype=torch.int32, device=labels.device)
    bounds = nn.functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
    labels[bounds[:-1].long()] = IGNORED
    longest = max(map(len, ids))
    return {
        "input_ids": torch.cat(ids)[None],
        "labels": labels[None],
        "position_ids": torch.cat([torch.arange(len(one), device=one.device) for one in ids])[None],
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }


def check_packing(architecture: str) -> None:
    """Refuse to pack for an architecture whose examples a test has not shown to be apart.

    Raises:
        UserError: naming it.
    """
    if architecture not in PACKS:
        raise UserError(f"training.packing = true: tested with {', '.join(PACKS)}, not with {architecture}")
