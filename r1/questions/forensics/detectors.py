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
        scale: [features] standard deviation of known models of one class, so that what varies without the class, such
            as the size of the difference with the learning rate, counts little.
    """

    labels: tuple[str, ...]
    centroids: np.ndarray
    scale: np.ndarray

    def __call__(self, features: np.ndarray) -> str:
        """The label of the nearest centroid to a model's features [features]."""
        distances = np.square(features / self.scale - self.centroids).sum(axis=1)
        return self.labels[int(distances.argmin())]


def learned(features: np.ndarray, labels: Sequence[str]) -> Nearest:
    """A detector from known models: features [models, features], labels [models]. A constant feature counts nothing.

    With few models some classes are alike by accident: a tenth of the deviation over all of them is added.
    """
    names, given = tuple(dict.fromkeys(labels)), np.asarray(labels)
    means = np.stack([features[given == name].mean(axis=0) for name in names])
    own = means[[names.index(name) for name in labels]]
    scale = np.sqrt(np.square(features - own).mean(axis=0) + np.square(0.1 * features.std(axis=0)))
    scale[scale == 0] = np.inf
    return Nearest(names, means / scale, scale)


def left_out(models: pd.DataFrame, reads: Sequence[str], label: str) -> pd.Series:
    """What a detector says of each model that has learned from the other seeds' models.

    Args:
        models: rows of `seed`, the features and the label.
        reads: columns of features.
        label: column of what is to be told.
    """
    labels = models[label].to_numpy(dtype=object)
    said = _left_out(models[list(reads)].to_numpy(dtype=float), models["seed"].to_numpy(), labels)
    return pd.Series(said, index=models.index)


def _left_out(features: np.ndarray, seeds: np.ndarray, labels: np.ndarray) -> np.ndarray:
    said = labels.copy()
    for seed in np.unique(seeds):
        held = seeds == seed
        detect = learned(features[~held], labels[~held].tolist())
        said[held] = [detect(row) for row in features[held]]
    return said


def permuted(models: pd.DataFrame, reads: Sequence[str], label: str, permutations: int) -> dict[int, list[float]]:
    """Seed -> accuracy with labels that are permuted within every seed, [permutations]: chance, if nothing leaks."""
    rng = np.random.default_rng(0)
    features, seeds = models[list(reads)].to_numpy(dtype=float), models["seed"].to_numpy()
    found: dict[int, list[float]] = {int(seed): [] for seed in np.unique(seeds)}
    for _ in range(permutations):
        labels = models[label].to_numpy(dtype=object).copy()
        for seed in found:
            labels[seeds == seed] = rng.permutation(labels[seeds == seed])
        right = _left_out(features, seeds, labels) == labels
        for seed, shares in found.items():
            shares.append(float(right[seeds == seed].mean()))
    return found


def transferred(known: pd.DataFrame, models: pd.DataFrame, reads: Sequence[str], label: str) -> list[str]:
    """What a detector that has learned from all known models says of others: [models]."""
    detect = learned(known[list(reads)].to_numpy(dtype=float), known[label].tolist())
    return [detect(row) for row in models[list(reads)].to_numpy(dtype=float)]
