"""What is measured of every arm: changes from before to after RL, and its groups, step by step."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

OUTCOMES = {
    "none_right": "none right",
    "some_right": "some right",
    "all_right": "all right",
}
"""What a group can be, by column; only one with some right answers tells right from wrong."""


def change(
    samples: pd.DataFrame, arm: str, column: str = "correct", families: Sequence[str] = ()
) -> dict[int, np.ndarray]:
    """Seed -> change of a share from before to after RL, [problems], in the order of the problems.

    Args:
        samples: rows of `samples` of all arms, with `arm` and `seed`.
        arm: its name.
        column: whose mean per problem is taken.
        families: of the problems; all if empty.
    """
    rows = samples[samples["arm"] == arm]
    if families:
        rows = rows[rows["family"].isin(families)]
    table = rows.groupby(["seed", "problem", "when"])[column].mean().unstack()
    changed = table["after"] - table["before"]
    return {int(str(seed)): values.to_numpy() for seed, values in changed.groupby(level="seed")}


def minus(one: dict[int, np.ndarray], other: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """The difference of two such changes, paired by seed and problem."""
    return {seed: values - other[seed] for seed, values in one.items()}


def with_outcomes(groups: pd.DataFrame) -> pd.DataFrame:
    """With a column for each of OUTCOMES, and `silent`: whether no reward of the group differs from another."""
    none, every = groups["right"] == 0, groups["right"] == 1
    return groups.assign(
        none_right=none, all_right=every, some_right=~(none | every), silent=~groups["varies"].astype(bool)
    )


def by_step(groups: pd.DataFrame, arm: str, column: str) -> dict[int, np.ndarray]:
    """Seed -> mean over a step's groups, [steps]."""
    means = groups[groups["arm"] == arm].groupby(["seed", "step"])[column].mean()
    return {int(str(seed)): values.to_numpy() for seed, values in means.groupby(level="seed")}
