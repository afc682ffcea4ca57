"""Are several training methods equally good? Differences with intervals over seeds, and equivalence tests."""

from itertools import combinations
from typing import TypedDict

import numpy as np
from scipy.stats import t

from r1.evaluation.claims import Verdict


class Difference(TypedDict):
    """A difference of two means with its confidence interval; dof: degrees of freedom of the pooled seed variance."""

    difference: float
    low: float
    high: float
    dof: int


def differences(by_seed: dict[str, list[float]], confidence: float) -> dict[tuple[str, str], Difference]:
    """Difference of the means over seeds for every pair, second minus first, with t-intervals.

    The variance between seeds is pooled over all variants, as in an analysis of
    variance, and thus assumed to be equal: three seeds alone would estimate it
    too poorly.

    Args:
        by_seed: variant -> one value per seed.
        confidence: level of the intervals.

    Raises:
        ValueError: if there are fewer than two seeds, or variants differ in their number.
    """
    counts = {len(values) for values in by_seed.values()}
    if len(counts) != 1 or min(counts) < 2:
        raise ValueError(f"every variant needs the same number of seeds, at least two: {sorted(counts)}")
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
    """Test whether all variants lie within the margin of each other: two one-sided tests per pair (Schuirmann 1987).

    To conclude that all pairs are equivalent, each must pass at level alpha,
    uncorrected (intersection-union test). To conclude that some pair is not, each
    is tested at alpha divided by the number of pairs (Bonferroni).

    Args:
        by_seed: variant -> one value per seed.
        margin: largest difference of two means that counts as equivalent.
        alpha: level of the tests.

    Returns:
        "reproduced" if all pairs are equivalent, "not reproduced" if some pair is not, "inconclusive" otherwise.
    """
    pairs = differences(by_seed, confidence=1 - 2 * alpha)
    if all(-margin < pair["low"] and pair["high"] < margin for pair in pairs.values()):
        return "reproduced"
    corrected = differences(by_seed, confidence=1 - 2 * alpha / len(pairs))
    outside = any(pair["low"] > margin or pair["high"] < -margin for pair in corrected.values())
    return "not reproduced" if outside else "inconclusive"
