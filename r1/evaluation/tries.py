"""Accuracy by the number of tries in a completion: one, and one more for every word of reflection."""

from dataclasses import dataclass

import pandas as pd

from r1.config.evaluation import EvaluateConfig
from r1.evaluation.statistics import Estimate, estimate

MOST = 5
"""Completions with this many tries or more are counted together."""


@dataclass(frozen=True)
class Tries:
    """Completions with the same number of tries.

    Attributes:
        tries: their number; MOST stands for MOST and more.
        completions: number of completions.
        accuracy: share that is right when read leniently, averaged over each problem's completions, then over problems.
    """

    tries: int
    completions: int
    accuracy: Estimate


def accuracy_by_tries(samples: pd.DataFrame, config: EvaluateConfig) -> list[Tries]:
    """Group completions by their number of tries, ascending; numbers without completions are left out.

    Hard problems take more tries: fewer right ones among long completions do not show that trying again harms.

    Args:
        samples: rows with `problem`, `reflections`, `lenient_correct`.
        config: resamples and confidence of the intervals.
    """
    tries = (samples["reflections"] + 1).clip(upper=MOST)
    return [
        Tries(
            int(str(number)),
            len(group),
            estimate(group.groupby("problem")["lenient_correct"].mean(), config.bootstrap_resamples, config.confidence),
        )
        for number, group in samples.groupby(tries)
    ]
