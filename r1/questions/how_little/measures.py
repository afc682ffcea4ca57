"""What the groups of every arm had to learn from, step by step."""

import pandas as pd

from r1.questions.effects import Values, by_seed

OUTCOMES = {
    "none_right": "none right",
    "some_right": "some right",
    "all_right": "all right",
}
"""What a group can be, by column; only one with some right answers tells right from wrong."""


def with_outcomes(groups: pd.DataFrame) -> pd.DataFrame:
    """With a column for each of OUTCOMES, and `silent`: whether no reward of the group differs from another."""
    none, every = groups["right"] == 0, groups["right"] == 1
    return groups.assign(
        none_right=none, all_right=every, some_right=~(none | every), silent=~groups["varies"].astype(bool)
    )


def by_step(groups: pd.DataFrame, arm: str, column: str) -> Values:
    """Seed -> mean over a step's groups, [steps]."""
    means = groups[groups["arm"] == arm].groupby(["seed", "step"])[column].mean()
    return by_seed(means)
