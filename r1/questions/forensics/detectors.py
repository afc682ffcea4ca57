"""Detectors of what made a model: the nearest mean of models whose making is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Nearest:
    """Nearest centroid.

    Attributes:
        labels: [classes].
        centroids: [classes, features], in the scale's units.
        scale: [features] standard deviation over the known models.
    """

    labels: tuple[str, ...]
    centroids: np.ndarray
    scale: np.ndarray

    def __call__(self, features: np.ndarray) -> str:
        """The label of the nearest centroid to a model's features [features]."""
        distances = np.square(features / self.scale - self.centroids).sum(axis=1)
        return self.labels[int(distances.argmin())]


def learned(features: np.ndarray, labels: Sequence[str]) -> Nearest:
    """A detector from known models: features [models, features], labels [models]. A constant feature counts nothing."""
    scale = features.std(axis=0)
    scale[scale == 0] = np.inf
    names = tuple(dict.fromkeys(labels))
    given = np.asarray(labels)
    return Nearest(names, np.stack([(features[given == name] / scale).mean(axis=0) for name in names]), scale)


def left_out(models: pd.DataFrame, reads: Sequence[str], label: str) -> pd.Series:
    """What a detector says of each model that has learned from the other seeds' models.

    Args:
        models: rows of `seed`, the features and the label.
        reads: columns of features.
        label: column of what is to be told.
    """
    said = pd.Series(index=models.index, dtype=object)
    for seed in models["seed"].unique():
        held = models["seed"] == seed
        detect = learned(models.loc[~held, list(reads)].to_numpy(dtype=float), models.loc[~held, label].tolist())
        said[held] = [detect(row) for row in models.loc[held, list(reads)].to_numpy(dtype=float)]
    return said


def permuted(models: pd.DataFrame, reads: Sequence[str], label: str, permutations: int) -> dict[int, list[float]]:
    """Seed -> accuracy with labels that are permuted within every seed, [permutations]: chance, if nothing leaks."""
    rng = np.random.default_rng(0)
    found: dict[int, list[float]] = {int(seed): [] for seed in models["seed"].unique()}
    for _ in range(permutations):
        shuffled = models.copy()
        shuffled[label] = models.groupby("seed")[label].transform(lambda labels: rng.permutation(labels.to_numpy()))
        right = left_out(shuffled, reads, label) == shuffled[label]
        for seed, of_seed in right.groupby(shuffled["seed"]):
            found[int(str(seed))].append(float(of_seed.mean()))
    return found


def transferred(known: pd.DataFrame, models: pd.DataFrame, reads: Sequence[str], label: str) -> list[str]:
    """What a detector that has learned from all known models says of others: [models]."""
    detect = learned(known[list(reads)].to_numpy(dtype=float), known[label].tolist())
    return [detect(row) for row in models[list(reads)].to_numpy(dtype=float)]
