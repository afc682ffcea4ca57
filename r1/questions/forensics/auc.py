"""How well scores tell members of the training data from others."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def placements(members: ArrayLike, others: ArrayLike) -> np.ndarray:
    """Values whose mean is the AUC and whose spread is that of DeLong (1988): [documents].

    Args:
        members: scores of texts that were in the training data.
        others: scores of as many that were not.
    """
    ours, theirs = np.asarray(members, dtype=float), np.asarray(others, dtype=float)
    wins = (ours[:, None] > theirs[None, :]) + 0.5 * (ours[:, None] == theirs[None, :])
    result: np.ndarray = wins.mean(axis=1) + wins.mean(axis=0) - wins.mean()
    return result


def set_means(values: Sequence[float], size: int) -> np.ndarray:
    """Mean score of disjoint sets of documents: [sets]. Documents are in random order."""
    count = len(values) // size
    means: np.ndarray = np.asarray(values, dtype=float)[: count * size].reshape(count, size).mean(axis=1)
    return means
