"""Accuracy by number of tries, on completions counted by hand."""

import pandas as pd

from r1.evaluation.tries import MOST, accuracy_by_tries
from tests.conftest import compose

CONFIG = compose("evaluate.bootstrap_resamples=50").evaluate


def test_completions_are_grouped_by_their_tries() -> None:
    rows = [(0, 0, True), (0, 0, False), (0, 1, True), (1, 0, True), (1, 1, True), (2, 4, False), (2, 40, True)]
    found = accuracy_by_tries(pd.DataFrame(rows, columns=["problem", "reflections", "lenient_correct"]), CONFIG)
    assert [(one.tries, one.completions, one.accuracy["n"], one.accuracy["mean"]) for one in found] == [
        (1, 3, 2, 0.75),  # problem 0 has half of its completions right, problem 1 all
        (2, 2, 2, 1.0),
        (MOST, 2, 1, 0.5),
    ]
    assert all(one.accuracy["low"] <= one.accuracy["mean"] <= one.accuracy["high"] for one in found)
