"""What the difference between two models' weights looks like, read tensor by tensor from safetensors."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from r1.support.errors import UserError

_LARGEST = 1024
"""Rows and columns of a matrix whose rank is measured; of a larger one, evenly spaced ones."""


def difference(model: Path, base: Path) -> dict[str, float]:
    """Features of model - base.

    Returns:
        `size`: log10 of the norm of the difference relative to the base's. `unchanged`: share of the weights that are
        equal when rounded to bfloat16, as most models are released (arXiv 2505.11711 measures the sparsity of RL's
        updates). `rank`: mean over matrices of the effective rank (exp of the entropy of the normalized singular
        values; Roy and Vetterli 2007), divided by the full rank.

    Raises:
        UserError: if a directory has no readable safetensors, the tensors differ in name or shape, or none differs in
            value.
    """
    changed = whole = 0.0
    same = count = 0
    ranks: list[float] = []
    for ours, theirs in _pairs(model, base):
        delta = ours.float() - theirs.float()
        changed += float(delta.square().sum(dtype=torch.float64))
        whole += float(theirs.float().square().sum(dtype=torch.float64))
        same += int((ours.bfloat16() == theirs.bfloat16()).sum())
        count += delta.numel()
        if delta.ndim == 2 and min(delta.shape) > 1 and bool(delta.any()):
            ranks.append(_rank(delta))
    if not changed or not whole:
        raise UserError(f"{model} has the same weights as {base}: nothing was trained, or the base is the wrong one")
    size = float(torch.tensor(changed / whole, dtype=torch.float64).sqrt().log10())
    return {"size": size, "unchanged": same / count, "rank": sum(ranks) / len(ranks) if ranks else 0.0}


def _rank(delta: torch.Tensor) -> float:
    for axis, length in enumerate(delta.shape):
        if length > _LARGEST:
            delta = delta.index_select(axis, torch.linspace(0, length - 1, _LARGEST).long())
    values = torch.linalg.svdvals(delta)
    shares = values / values.sum()
    entropy = -(shares * shares.clamp(min=1e-30).log()).sum()
    return float(entropy.exp()) / len(values)


def _pairs(model: Path, base: Path) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    with ExitStack() as stack:
        ours, theirs = (_tensors(directory, stack) for directory in (model, base))
        if missing := ours.keys() ^ theirs.keys():
            raise UserError(f"{model} and {base} are not of one architecture: only one of them has {min(missing)}")
        for name in sorted(ours):
            pair = ours[name].get_tensor(name), theirs[name].get_tensor(name)
            if pair[0].shape != pair[1].shape:
                shapes = " and ".join(str(tuple(one.shape)) for one in pair)
                raise UserError(f"{model} and {base} are not of one architecture: {name} has the shapes {shapes}")
            yield pair


def _tensors(directory: Path, stack: ExitStack) -> dict[str, safe_open]:
    """The open file of each tensor."""
    files = sorted(directory.glob("*.safetensors"))
    if not files:
        raise UserError(f"{directory} has no *.safetensors: give a local model directory; other formats are not read")
    found: dict[str, safe_open] = {}
    for file in files:
        try:
            opened = stack.enter_context(safe_open(str(file), framework="pt"))
        except (SafetensorError, OSError) as error:
            raise UserError(f"{file} cannot be read: {error}") from error
        found |= dict.fromkeys(opened.keys(), opened)
    return found
