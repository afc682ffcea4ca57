"""Estimates against what they must be by definition, and what a completion table becomes per problem."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from r1.evaluation.evaluate import per_problem
from r1.evaluation.statistics import estimate, majority, pass_at_k


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(n: int) -> None:
    for correct in range(n + 1):
        samples = [index < correct for index in range(n)]
        for k in range(1, n + 1):
            shares = [any(subset) for subset in combinations(samples, k)]
            assert pass_at_k(n, correct, k) == pytest.approx(sum(shares) / len(shares)), (n, correct, k)


@pytest.mark.parametrize(
    ("answers", "voted"),
    [
        pytest.param(["4", "5", "4"], "4", id="most-frequent"),
        pytest.param(["5", "4", "4", "5"], "5", id="tie-goes-to-the-first-drawn"),
        pytest.param(["5", "4"], "5", id="all-different"),
        pytest.param([None, None, "4"], "4", id="no-answer-does-not-vote"),
        pytest.param([None, None], None, id="nobody-answered"),
        pytest.param([], None, id="empty"),
    ],
)
def test_majority(answers: list[str | None], voted: str | None) -> None:
    assert majority(answers) == voted


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([0.0, 1.0], id="two"),
        pytest.param([0.0, 1.0, 1.0, 0.5, 0.25], id="five"),
        pytest.param([0.0] * 99 + [1.0], id="one-in-a-hundred"),
        pytest.param([-3.0, 12.5, 800.0], id="any-scale"),
    ],
)
def test_estimate_holds_the_mean_and_its_interval(values: list[float]) -> None:
    result = estimate(values, resamples=500, confidence=0.95)
    assert result["mean"] == pytest.approx(np.mean(values))
    assert min(values) <= result["low"] <= result["mean"] <= result["high"] <= max(values)
    assert result["low"] < result["high"]
    assert result["n"] == len(values)
    assert result == estimate(np.array(values), resamples=500, confidence=0.95)


@pytest.mark.parametrize("values", [[0.1] * 7, [0.0, 0.0], [0.3]], ids=["constant", "zeros", "single"])
def test_constant_data_have_no_width(values: list[float]) -> None:
    result = estimate(values, resamples=500, confidence=0.95)
    assert result["low"] == result["mean"] == result["high"] == pytest.approx(values[0])


def test_no_problems_are_an_error() -> None:
    with pytest.raises(ValueError, match="no problems"):
        estimate([], resamples=500, confidence=0.95)


def test_more_confidence_is_wider_and_more_problems_are_narrower() -> None:
    def width(values: list[float], confidence: float) -> float:
        result = estimate(values, resamples=2000, confidence=confidence)
        return result["high"] - result["low"]

    values = [0.0, 1.0, 1.0, 0.0, 0.5] * 4
    assert width(values, 0.99) > width(values, 0.8)
    assert width(values * 16, 0.95) == pytest.approx(width(values, 0.95) / 4, rel=0.2)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    results = [estimate(rng.random(100) < 0.3, resamples=500, confidence=0.95) for _ in range(200)]
    assert np.mean([result["low"] <= 0.3 <= result["high"] for result in results]) >= 0.88


def test_per_problem_by_hand() -> None:
    # problem, predicted, correct, tokens, truncated, well_formed, mixed, reflections, unreadable
    first = [
        (0, "4", True, 10, False, True, False, 0, ""),
        (0, "5", False, 20, False, True, True, 2, "mixed_language"),
        (0, "4", True, 30, False, False, False, 1, ""),
        (0, None, False, 40, True, False, False, 0, ""),
    ]
    second = [
        (1, "1", True, 8, False, True, False, 0, ""),
        (1, "2", False, 8, False, True, False, 0, ""),
        (1, "2", False, 8, False, True, False, 0, "repetition"),
        (1, "3", False, 8, False, True, False, 0, "repetition"),
    ]
    third = [(2, None, False, 5, True, False, False, 0, "")] * 4
    names = ["problem", "predicted", "correct", "tokens", "truncated", "well_formed", "mixed", "reflections"]
    samples = pd.DataFrame([*third, *second, *first], columns=[*names, "unreadable"])
    samples["lenient_predicted"], samples["lenient_correct"] = samples["predicted"], samples["correct"]
    samples["task"], samples["too_long"] = "chain_sum", samples["problem"] == 2
    samples["family"] = np.where(samples["problem"] == 1, "long_sums", "sums")
    samples["level"] = np.where(samples["problem"] == 1, "hard", "train")

    table = per_problem(samples)
    expected = pd.DataFrame(
        {
            "family": ["sums", "long_sums", "sums"],
            "level": ["train", "hard", "train"],
            "pass_at_1": [0.5, 0.25, 0.0],
            "pass_at_2": [5 / 6, 0.5, 0.0],
            "pass_at_4": [1.0, 1.0, 0.0],
            "maj_at_k": [1.0, 0.0, 0.0],
            "lenient_pass_at_1": [0.5, 0.25, 0.0],
            "lenient_maj_at_k": [1.0, 0.0, 0.0],
            "response_tokens": [25.0, 8.0, 5.0],
            "format_rate": [0.5, 1.0, 0.0],
            "language_mixing": [0.25, 0.0, 0.0],
            "reflection_rate": [0.5, 0.0, 0.0],
            "readability": [0.75, 0.5, 1.0],
            "truncation": [0.25, 0.0, 1.0],
            "too_long": [0.0, 0.0, 1.0],
        }
    )
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_interval_is_the_percentile_bootstrap_of_scipy() -> None:
    values = np.random.default_rng(3).random(80)
    ours = estimate(values, 4000, 0.95)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=4000, confidence_level=0.95, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours["low"] == pytest.approx(theirs.low, abs=0.005)
    assert ours["high"] == pytest.approx(theirs.high, abs=0.005)
