"""Do several ways of training end at the same place? Differences with intervals over seeds, and equivalence tests."""

from itertools import combinations
from typing import TypedDict

import numpy as np
from scipy.stats import t

from r1.evaluation.claims import Verdict


class Difference(TypedDict):
    """A difference of two means with its confidence interval; dof are the degrees of freedom of the seeds' spread."""

    difference: float
    low: float
    high: float
    dof: int


def differences(by_seed: dict[str, list[float]], confidence: float) -> dict[tuple[str, str], Difference]:
    """Of every pair's means over seeds, second less first, with t-intervals.

    The spread between seeds is pooled over all variants, as in an analysis of
    variance, and so assumed to be the same in all: three seeds alone would say
    too little of it.

    Args:
        by_seed: variant -> one value a seed.
        confidence: level of the intervals.

    Raises:
        ValueError: if there are fewer than two seeds, or not equally many.
    """
    counts = {len(values) for values in by_seed.values()}
    if len(counts) != 1 or min(counts) < 2:
        raise ValueError(f"every variant needs the same number of seeds, two at least: {sorted(counts)}")
    seeds, dof = counts.pop(), sum(len(values) - 1 for values in by_seed.values())
    residuals = np.concatenate([np.asarray(values) - np.mean(values) for values in by_seed.values()])
    error = float(np.sqrt((residuals**2).sum() / dof) * np.sqrt(2 / seeds))
    reach = float(t.ppf(0.5 + confidence / 2, dof)) * error
    means = {name: float(np.mean(values)) for name, values in by_seed.items()}
    return {
        (first, second): {
            "difference": means[second] - means[first],
            "low": means[second] - means[first] - reach,
            "high": means[second] - means[first] + reach,
            "dof": dof,
        }
        for first, second in combinations(by_seed, 2)
    }


def equivalent(by_seed: dict[str, list[float]], margin: float, alpha: float) -> Verdict:
    """Are all variants within the margin of each other? Two one-sided tests for each pair (Schuirmann 1987).

    That all pairs are equivalent needs each to pass at level alpha, with no
    correction for their number (intersection-union). That some pair is not is
    a finding of one among many, and so tested at alpha over their number.

    Args:
        by_seed: variant -> one value a seed.
        margin: of the difference of two means.
        alpha: level of the tests.

    Returns:
        "reproduced" if all are, "not reproduced" if some pair is not, "inconclusive" otherwise.
    """
    pairs = differences(by_seed, confidence=1 - 2 * alpha)
    if all(-margin < pair["low"] and pair["high"] < margin for pair in pairs.values()):
        return "reproduced"
    corrected = differences(by_seed, confidence=1 - 2 * alpha / len(pairs))
    outside = any(pair["low"] > margin or pair["high"] < -margin for pair in corrected.values())
    return "not reproduced" if outside else "inconclusive"
