"""Differences over seeds and equivalence: against scipy, and verdicts that can go either way."""

import numpy as np
import pytest
from scipy import stats

from r1.evaluation.equivalence import differences, equivalent


def test_two_variants_give_the_classical_t_interval() -> None:
    first, second = [0.50, 0.55, 0.48], [0.61, 0.58, 0.66]
    found = differences({"first": first, "second": second}, confidence=0.9)["first", "second"]
    expected = stats.ttest_ind(second, first).confidence_interval(0.9)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))
    assert found["dof"] == 4


def test_the_spread_is_pooled_over_all_variants() -> None:
    calm = {"a": [0.50, 0.51], "b": [0.52, 0.53]}
    wild = differences({**calm, "c": [0.1, 0.9]}, confidence=0.9)
    assert len(wild) == 3 and wild["a", "b"]["dof"] == 3
    narrow = differences(calm, confidence=0.9)["a", "b"]
    assert wild["a", "b"]["high"] - wild["a", "b"]["low"] > narrow["high"] - narrow["low"]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    random, held = np.random.default_rng(0), 0
    for _ in range(2000):
        seeds = {name: list(random.normal(0.5, 0.03, 3)) for name in "abcd"}
        found = differences(seeds, confidence=0.9)["a", "b"]
        held += found["low"] < 0 < found["high"]
    assert 0.87 < held / 2000 < 0.93


@pytest.mark.parametrize("seeds", [{"a": [1.0], "b": [2.0]}, {"a": [1.0, 2.0], "b": [2.0]}])
def test_too_few_or_unequal_seeds_are_refused(seeds: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="same number of seeds, at least two"):
        differences(seeds, confidence=0.9)


@pytest.mark.parametrize(
    ("by_seed", "verdict"),
    [
        ({"a": [0.50, 0.51], "b": [0.52, 0.51]}, "reproduced"),
        ({"a": [0.50, 0.51], "b": [0.52, 0.51], "c": [0.49, 0.52]}, "reproduced"),
        ({"a": [0.50, 0.51], "b": [0.59, 0.60]}, "inconclusive"),
        ({"a": [0.3, 0.7], "b": [0.4, 0.6]}, "inconclusive"),
        ({"a": [0.50, 0.51], "b": [0.52, 0.51], "c": [0.9, 0.91]}, "not reproduced"),
        ({"a": [0.90, 0.91], "b": [0.52, 0.51]}, "not reproduced"),
    ],
)
def test_equivalence_needs_every_pair_within_the_margin(by_seed: dict[str, list[float]], verdict: str) -> None:
    assert equivalent(by_seed, margin=0.1, alpha=0.05) == verdict


def test_one_pair_among_many_is_seldom_called_different_by_chance() -> None:
    random, wrong = np.random.default_rng(0), 0
    for _ in range(1000):
        seeds = {name: list(random.normal(0.5, 0.05, 3)) for name in "abcdefg"}
        wrong += equivalent(seeds, margin=0.0, alpha=0.05) == "not reproduced"
    assert wrong / 1000 < 0.12  # two-sided, so twice alpha
