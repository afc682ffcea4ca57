"""Trimmed micro-batches have TRL's loss, gradients and logged values on the padded step, and its scores.

The trainers, float64 and tiny, and the inputs are those of the tests of the algorithms.
"""

from typing import Any

import pytest
import torch
from torch import nn

from r1.rl.micro_batches import MicroBatchLimit, row_lengths, trimmed
from tests.rl.test_algorithms import (
    CASES,
    TOKENS,
    Batch,
    Make,
    every_case,
    exact,
    loss_inputs,
    make,
    one_thread,
    policy,
    whole,
)

__all__ = ["exact", "make", "one_thread", "policy"]  # fixtures

TOLERANCE = 1e-6
"""transformers rotates queries and keys by float32 angles, so positions that shift move the last digits."""


@pytest.mark.parametrize(("tokens", "expected"), [(None, 8 * 120), (700, 700)])
def test_without_a_number_of_tokens_the_budget_is_that_of_padded_rows(tokens: int | None, expected: int) -> None:
    assert MicroBatchLimit(8, tokens).budget(padded_length=120) == expected


def padded(batch: Batch, by: int, pad: int) -> Batch:
    """The batch in a round whose longest prompt and completion are longer by so many tokens."""

    def wider(key: str, value: torch.Tensor) -> torch.Tensor:
        if value.ndim < 2:
            return value
        sides = (by, 0) if key.startswith("prompt_") else (0, by)
        return nn.functional.pad(value, sides, value=pad if key.endswith("_ids") else 0)

    return {key: wider(key, value) for key, value in batch.items()}


def test_trimmed_rows_keep_their_tokens(make: Make) -> None:
    trainer = make("ppo")
    batch = padded(loss_inputs(trainer, seed=1), by=3, pad=trainer._tokenizer.pad_token_id)
    lengths = row_lengths(batch)
    rows = sorted(range(len(lengths)), key=lengths.__getitem__)[:3]
    micro = trimmed(batch, rows, lengths)
    prompt, completion = (max(lengths[row][part] for row in rows) for part in (0, 1))
    assert micro["prompt_ids"].shape == (3, prompt) and micro["returns"].shape == (3, completion)
    assert micro["num_items_in_batch"] is batch["num_items_in_batch"]
    for key in ("prompt", "completion"):
        for kept, row in enumerate(rows):
            before = batch[f"{key}_ids"][row][batch[f"{key}_mask"][row] == 1]
            assert torch.equal(micro[f"{key}_ids"][kept][micro[f"{key}_mask"][kept] == 1], before)


def results(trainer: Any, compute: Any, batch: Batch) -> tuple[float, list[torch.Tensor], dict[str, float]]:
    """Loss, gradients of policy and critic, and what was logged."""
    modules = [trainer.model, *([trainer.critic] if hasattr(trainer, "critic") else [])]
    for module in modules:
        module.zero_grad()
    trainer._metrics["train"].clear()
    loss = compute(trainer.model, batch)
    loss.backward()
    logged = {name: values for name, values in trainer._metrics["train"].items() if name != "padding_share"}
    assert all(len(values) == 1 for values in logged.values()), logged
    gradients = [parameter.grad.clone() for module in modules for parameter in module.parameters()]
    return float(loss.detach()), gradients, {name: values[0] for name, values in logged.items()}


@every_case
@pytest.mark.parametrize("tokens", [1, 20, 45, None])
def test_micro_batches_have_the_loss_of_the_padded_step(
    make: Make, name: str, changes: dict[str, Any], tokens: int | None
) -> None:
    trainer = make(name, **changes)
    batch = padded(loss_inputs(trainer, seed=3), by=4, pad=trainer._tokenizer.pad_token_id)
    expected_loss, expected_gradients, expected_metrics = results(trainer, trainer._compute_loss, batch)
    trainer.micro_batch = MicroBatchLimit(2, tokens)
    loss, gradients, metrics = results(trainer, trainer.compute_loss, batch)
    assert loss == pytest.approx(expected_loss, rel=TOLERANCE, abs=TOLERANCE)
    for found, expected in zip(gradients, expected_gradients, strict=True):
        assert (found - expected).abs().max() < TOLERANCE * max(1.0, float(expected.abs().max()))
    assert metrics == pytest.approx(expected_metrics, rel=TOLERANCE, abs=TOLERANCE)
    share = trainer._metrics["train"]["padding_share"]
    assert len(share) == 1 and (share[0] == 0 if tokens == 1 else 0 < share[0] < 0.6)


def test_the_gradient_check_can_fail(make: Make) -> None:
    """Micro-batches that count alike, whatever their rows, have another gradient."""
    trainer = make("grpo")
    batch = loss_inputs(trainer, seed=3)
    _, expected, _ = results(trainer, trainer._compute_loss, batch)
    trainer.micro_batch = MicroBatchLimit(2, 20)
    trainer._part_loss = lambda model, window, rows, lengths: (
        trainer._compute_loss(model, trimmed(window, rows, lengths)) / 4
    )
    _, found, _ = results(trainer, trainer.compute_loss, batch)
    assert any((one - other).abs().max() > 1e-3 for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", ["grpo", "rloo", "ppo"])
def test_scores_are_those_of_the_padded_round(make: Make, name: str) -> None:
    trainer = make(name)
    batch = padded(loss_inputs(trainer, seed=5), by=4, pad=trainer._tokenizer.pad_token_id)
    mask, width = batch["completion_mask"].bool(), TOKENS + 4
    trainer.micro_batch = MicroBatchLimit(2, 20)
    with torch.no_grad():
        plain = trainer._get_per_token_logps_and_entropies(trainer.model, *whole(batch), width)[0]
        found = trainer._get_per_token_logps_and_entropies(trainer.model, *whole(batch), width, batch_size=8)[0]
        assert found.shape == plain.shape and (found - plain)[mask].abs().max() < TOLERANCE
        assert not found[:, TOKENS:].any()
        if name == "ppo":
            assert (trainer._values_at_sampling(batch) - trainer._values(batch))[mask].abs().max() < TOLERANCE


def test_all_algorithms_are_among_the_cases() -> None:
    assert {name for name, _ in CASES} == {"grpo", "dr_grpo", "dapo", "gspo", "rloo", "reinforce_pp", "ppo"}
