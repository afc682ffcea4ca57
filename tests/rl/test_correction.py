"""Importance weights between sampler and trainer, against numbers worked out by hand."""

import math
from typing import get_args

import pytest
import torch
from torch import Tensor, tensor

from r1.config.correction import CorrectionConfig, ImportanceCorrectionConfig, OffCorrectionConfig
from r1.rl.correction import above_cap, log_ratios, sequence_log_ratios, statistics, weights
from tests.conftest import ROOT, compose

OFF = OffCorrectionConfig(name="off")
MASK = tensor([[1, 1, 1], [1, 1, 0]])
# Ratios 2, 1/2, 3 with product 3; and 1/2, 1/2 with product 1/4.
RATIOS = tensor([[2.0, 0.5, 3.0], [0.5, 0.5, 1.0]])
LOG = RATIOS.log()


def correction(name: str, cap: float = 2.5) -> CorrectionConfig:
    return OFF if name == "off" else ImportanceCorrectionConfig.model_validate({"name": name, "cap": cap})


@pytest.mark.parametrize(
    ("name", "cap", "expected"),
    [
        ("off", 1.0, [[1, 1, 1], [1, 1, 1]]),
        ("token_truncate", 2.5, [[2, 0.5, 2.5], [0.5, 0.5, 1]]),
        ("token_mask", 2.5, [[2, 0.5, 0], [0.5, 0.5, 1]]),
        ("token_mask", 3.1, [[2, 0.5, 3], [0.5, 0.5, 1]]),
        ("sequence_truncate", 2.5, [[2.5] * 3, [0.25] * 3]),
        ("sequence_mask", 2.5, [[0] * 3, [0.25] * 3]),
        ("sequence_mask", 3.1, [[3] * 3, [0.25] * 3]),
    ],
)
def test_weights(name: str, cap: float, expected: list[list[float]]) -> None:
    torch.testing.assert_close(weights(LOG, correction(name, cap)), tensor(expected, dtype=torch.float32))


def test_a_token_at_the_cap_is_kept() -> None:
    assert weights(tensor([[0.0]]), correction("token_mask", 1.0)).item() == 1.0
    assert not above_cap(tensor([[0.0]]), correction("sequence_mask", 1.0)).any()


def test_log_ratios_are_the_trainers_minus_the_samplers() -> None:
    trainer, sampler = (
        tensor([[-1.0, -2.0, 7.0], [-1.0, -9.0, -1.0]]),
        tensor([[-2.0, -1.5, 0.0], [math.nan, -1.0, 5.0]]),
    )
    assert log_ratios(trainer, sampler, MASK).tolist() == [[1.0, -0.5, 7.0], [0.0, -8.0, 0.0]]


@pytest.mark.parametrize("value", [-math.inf, -1e4, 1e4, math.inf, math.nan])
@pytest.mark.parametrize("name", ["off", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"])
def test_whatever_the_engines_return_weights_and_statistics_are_finite(name: str, value: float) -> None:
    log_ratio = log_ratios(tensor([[value, -1.0]]), tensor([[-1.0, -1.0]]), tensor([[1, 1]]))
    assert weights(log_ratio, correction(name)).isfinite().all()
    found = statistics(log_ratio, tensor([[1, 1]]), correction(name))
    assert all(map(math.isfinite, found.values())) and found["kl"] >= 0


def test_statistics_count_tokens_and_completions() -> None:
    found = statistics(LOG, MASK, correction("token_mask"))
    assert found["ratio_mean"] == pytest.approx((2 + 0.5 + 3 + 0.5 + 0.5) / 5)
    assert (found["ratio_p01"], found["ratio_p99"]) == pytest.approx((0.5, 3.0))
    assert found["sequence_ratio_mean"] == pytest.approx((3 + 0.25) / 2)
    assert (found["sequence_ratio_p01"], found["sequence_ratio_p99"]) == pytest.approx((0.25, 3.0))
    assert found["capped_share"] == pytest.approx(1 / 5)
    assert found["weight_mean"] == pytest.approx((2 + 0.5 + 0 + 0.5 + 0.5) / 5)
    # k3 = ratio - 1 - log(ratio)
    k3 = [ratio - 1 - math.log(ratio) for ratio in (2, 0.5, 3, 0.5, 0.5)]
    assert found["kl"] == pytest.approx(sum(k3) / 5, rel=1e-5)


def test_a_masked_completion_masks_all_its_tokens() -> None:
    assert statistics(LOG, MASK, correction("sequence_mask"))["capped_share"] == pytest.approx(3 / 5)
    assert statistics(LOG, MASK, OFF)["capped_share"] == 0.0 and statistics(LOG, MASK, OFF)["weight_mean"] == 1.0


def test_the_kl_estimate_is_the_kl() -> None:
    """On draws from the sampler's distribution over four tokens."""
    sampler, trainer = tensor([0.4, 0.3, 0.2, 0.1]), tensor([0.25, 0.25, 0.25, 0.25])
    drawn = torch.multinomial(sampler, 200_000, replacement=True, generator=torch.Generator().manual_seed(0))
    log_ratio = (trainer.log() - sampler.log())[drawn].view(1, -1)
    exact = float((sampler * (sampler.log() - trainer.log())).sum())
    found = statistics(log_ratio, torch.ones_like(log_ratio), OFF)
    assert found["kl"] == pytest.approx(exact, rel=0.02) and found["ratio_mean"] == pytest.approx(1.0, abs=0.01)


def test_percentiles_leave_out_one_in_a_hundred() -> None:
    log_ratio = torch.arange(1, 102).float().view(1, -1).log()
    found = statistics(log_ratio, torch.ones_like(log_ratio), OFF)
    assert (found["ratio_p01"], found["ratio_p99"]) == pytest.approx((2.0, 100.0))


def test_a_sequence_weight_shrinks_with_the_length() -> None:
    """Why a sequence's weight is not the default: the same engine noise, ever longer completions."""

    def median(tokens: int) -> float:
        noise = 0.3 * torch.randn(400, tokens, generator=torch.Generator().manual_seed(0)) - 0.3**2 / 2
        return float(weights(noise, correction("sequence_mask", 3.0))[:, 0].median())

    medians = [median(tokens) for tokens in (10, 100, 400)]
    assert medians[0] > 0.5 and medians == sorted(medians, reverse=True) and medians[-1] < 0.1


def rows(log_ratio: Tensor) -> list[float]:
    return [float(value) for value in sequence_log_ratios(log_ratio)]


def test_a_sequence_ratio_is_the_product_of_its_tokens() -> None:
    assert rows(LOG) == pytest.approx([math.log(3), math.log(0.25)])


@pytest.mark.parametrize("path", sorted((ROOT / "conf/rl/correction").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_choice_is_a_file_of_its_name(path: object) -> None:
    name = getattr(path, "stem", "")
    assert compose("profile=smoke", f"rl/correction={name}").rl.correction.name == name


def test_every_name_has_a_file() -> None:
    kinds = get_args(get_args(CorrectionConfig)[0])
    names = {name for kind in kinds for name in get_args(kind.model_fields["name"].annotation)}
    assert names == {path.stem for path in (ROOT / "conf/rl/correction").glob("*.yaml")}
    assert compose().rl.correction == correction("token_truncate", 2.0), "the default"
