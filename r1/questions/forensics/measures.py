"""Scores by which a text counts as seen in training."""

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np

from r1.questions.forensics.likelihood import Scores

_ORDER = 6
"""Characters of an n-gram."""


def scores(read: Scores, lowest: float) -> dict[str, float]:
    """A document's scores from its tokens.

    Returns:
        `loss`: mean log-probability. `min_k`: that of the `lowest` share of the tokens (arXiv 2310.16789).
        `min_k_plus_plus`: the same of log-probabilities in standard deviations from their mean over the vocabulary
        (arXiv 2404.02936, equation 3).
    """
    normalized = (read.logp + read.entropy) / np.maximum(read.spread, 1e-6)
    return {
        "loss": float(read.logp.mean()),
        "min_k": _lowest(read.logp, lowest),
        "min_k_plus_plus": _lowest(normalized, lowest),
    }


def _lowest(values: np.ndarray, share: float) -> float:
    count = max(1, int(share * len(values)))
    return float(np.sort(values)[:count].mean())


class Blind:
    """A character n-gram model of other documents: what a score says of texts that it has never seen."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Args: documents, none of them a member or an other."""
        self.whole: Counter[str] = Counter()
        self.context: Counter[str] = Counter()
        for text in texts:
            padded = _padded(text)
            for end in range(_ORDER, len(padded) + 1):
                self.whole[padded[end - _ORDER : end]] += 1
                self.context[padded[end - _ORDER : end - 1]] += 1

    def loss(self, text: str) -> float:
        """Mean log-probability of a text's characters, with add-0.1 smoothing over 100 characters."""
        padded = _padded(text)
        logps = [
            math.log(
                (self.whole[padded[end - _ORDER : end]] + 0.1) / (self.context[padded[end - _ORDER : end - 1]] + 10)
            )
            for end in range(_ORDER, len(padded) + 1)
        ]
        return sum(logps) / len(logps)


def _padded(text: str) -> str:
    return "\0" * (_ORDER - 1) + text + "\0"
