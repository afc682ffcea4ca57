import numpy as np
import pytest

from r1.questions.arm import Bounds
from r1.questions.effects import Effect, below, effect, exceeds, share, within

BOUNDS = Bounds(resamples=2000, confidence=0.95)


def test_the_interval_covers_seeds_and_problems() -> None:
    rng = np.random.default_rng(1)
    alike = {seed: rng.normal(0.1, 0.3, 200) for seed in (1, 2, 3)}
    apart = {seed: values + shift for (seed, values), shift in zip(alike.items(), (-0.3, 0, 0.3), strict=True)}
    narrow, wide = effect(alike, BOUNDS), effect(apart, BOUNDS)
    assert narrow["effect"] == pytest.approx(wide["effect"]) and (narrow["n"], narrow["seeds"]) == (200, 3)
    assert narrow["low"] < narrow["effect"] < narrow["high"]
    assert wide["high"] - wide["low"] > 3 * (narrow["high"] - narrow["low"])


def test_coverage_is_near_the_confidence() -> None:
    """Of means whose variance is between problems, about 95 % of the intervals have the true one."""
    few, hits = Bounds(resamples=300, confidence=0.95), 0
    for trial in range(100):
        problems = np.random.default_rng(trial).normal(0, 1, 60)
        found = effect({seed: problems for seed in (1, 2, 3)}, few)
        hits += found["low"] <= 0 <= found["high"]
    assert 88 <= hits <= 100


@pytest.mark.parametrize(
    ("low", "high", "above", "under", "inside"),
    [
        (0.2, 0.3, "supported", "not supported", "not supported"),
        (0.0, 0.3, "inconclusive", "inconclusive", "inconclusive"),
        (-0.05, 0.05, "not supported", "supported", "supported"),
        (-0.3, -0.2, "not supported", "supported", "not supported"),
        (0.5, 0.5, "inconclusive", "inconclusive", "inconclusive"),
    ],
)
def test_verdicts_against_a_bound_of_a_tenth(low: float, high: float, above: str, under: str, inside: str) -> None:
    found = Effect(low=low, high=high)
    assert (exceeds(found, 0.1), below(found, 0.1), within(found, 0.1)) == (above, under, inside)


def test_seeds_need_the_same_problems() -> None:
    with pytest.raises(ValueError):
        effect({1: [0.0, 1.0], 2: [0.0]}, BOUNDS)


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.2646), (12, 0.7354, 1.0), (6, 0.2109, 0.7891)])
def test_shares_of_twelve_runs(hits: int, low: float, high: float) -> None:
    """The intervals of Clopper and Pearson's tables."""
    found = share([number < hits for number in range(12)], 3, BOUNDS)
    assert (found["low"], found["high"]) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
