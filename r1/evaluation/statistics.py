"""Estimates with confidence intervals, by bootstrap over problems."""

from collections import Counter
from collections.abc import Sequence
from math import comb
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike


class Estimate(TypedDict):
    """A mean with its confidence interval and the number of problems."""

    mean: float
    low: float
    high: float
    n: int


def estimate(per_problem: ArrayLike, resamples: int, confidence: float) -> Estimate:
    """Mean over problems with a percentile bootstrap interval; seeded, so the same data give the same interval.

    Args:
        per_problem: [problems], one value per problem, averaged over its samples,
            which are not independent.
        resamples: number of bootstrap resamples.
        confidence: level of the interval, in (0, 1).

    Raises:
        ValueError: if there are no problems.
    """
    values = np.asarray(per_problem, dtype=float)
    if values.size == 0:
        raise ValueError("no problems to estimate from")
    mean = float(values.mean())
    if values.size == 1 or np.ptp(values) == 0:
        return {"mean": mean, "low": mean, "high": mean, "n": int(values.size)}
    # scipy.stats.bootstrap gives the same interval, but importing it costs every evaluation half a second.
    drawn = np.random.default_rng(0).integers(values.size, size=(resamples, values.size))
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return {"mean": mean, "low": float(low), "high": float(high), "n": int(values.size)}


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Unbiased estimate of the probability that at least one of k samples is correct (arXiv 2107.03374, equation 1).

    Args:
        n: number of samples drawn.
        correct: number of correct ones among them.
        k: at most n.
    """
    return 1.0 - comb(n - correct, k) / comb(n, k)


def majority(answers: Sequence[str | None]) -> str | None:
    """Return the most frequent answer (cons@k, maj@k); on a tie the one drawn first; None if there is no answer."""
    counted = Counter(answer for answer in answers if answer is not None)
    return counted.most_common(1)[0][0] if counted else None
