"""What every arm gains over the base: problem by problem, on what it was trained on and on the rest."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from r1.questions.effects import Values, by_seed
from r1.questions.skill_transfer.settings import Settings

Relation = Literal["own", "same task", "other task"]
"""Of an evaluated family to an arm: trained on; a family of a task that it trains on; of none."""
UNIT = ["seed", "problem"]


def gains(samples: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """One row per arm but the base, seed and problem: family, level, relation, and the `gain` in pass@1.

    Args:
        samples: rows of `samples` of all arms, with `arm` and `seed`.
        settings: says what each arm trains on.
    """
    tasks = tasks_of(samples)
    rates = samples.groupby(["arm", *UNIT, "family", "level"], sort=False)["correct"].mean().reset_index()
    base = rates.loc[rates["arm"] == settings.base, [*UNIT, "correct"]]
    table = rates[rates["arm"] != settings.base].merge(base, on=UNIT, suffixes=("", "_base"), validate="many_to_one")
    relations = [
        relation(family, settings.arms[arm].trains_on, tasks)
        for arm, family in zip(table["arm"], table["family"], strict=True)
    ]
    return table[["arm", *UNIT, "family", "level"]].assign(
        relation=relations, gain=table["correct"] - table["correct_base"]
    )


def tasks_of(samples: pd.DataFrame) -> dict[str, str]:
    """Task of each family in rows of samples."""
    first = samples.drop_duplicates("family")
    return dict(zip(first["family"].astype(str), first["task"].astype(str), strict=True))


def relation(family: str, trains_on: Sequence[str], tasks: dict[str, str]) -> Relation:
    """An evaluated family's relation to the families that an arm trains on.

    >>> relation("sums_hard", ["sums"], {"sums": "sums", "sums_hard": "sums"})
    'same task'
    """
    if family in trains_on:
        return "own"
    return "same task" if tasks[family] in {tasks.get(name) for name in trains_on} else "other task"


def mean_gain(table: pd.DataFrame) -> Values:
    """The mean gain of each problem over the arms in the table: a problem of several arms counts once."""
    return by_seed(_of_problems(table))


def difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> Values:
    """Mean gain in one table minus that in the other, on the problems that are in both."""
    return by_seed((_of_problems(ours) - _of_problems(theirs)).dropna())


def score_gains(general: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """One row per arm but the base, seed and general prompt: category and the `gain` in the preference score.

    In standard deviations of the base's scores of that kind: each preference model has a scale of its own.

    Args:
        general: rows of `general` of all arms, with `arm` and `seed`.
        settings: names the base.
    """
    of_base = general[general["arm"] == settings.base]
    scale = general["kind"].map(of_base.groupby("kind")["score"].std(ddof=0))
    table = general.assign(score=general["score"] / scale)
    base = table.loc[table["arm"] == settings.base, [*UNIT, "score"]]
    table = table[table["arm"] != settings.base].merge(base, on=UNIT, suffixes=("", "_base"), validate="many_to_one")
    return table[["arm", *UNIT, "kind", "category"]].assign(gain=table["score"] - table["score_base"])


def split_gain(before: pd.DataFrame, after: pd.DataFrame) -> tuple[float, float]:
    """Split the gain of one family: from working problems out more often, and from being right more often then.

    Kitagawa's decomposition of a difference between rates (1955), each part weighted by the other's mean. Where all
    or none are worked out, the rate that is unknown is taken from the other model, or is 0.

    Args:
        before: completions of the base: `worked`, `correct`.
        after: those of an arm.

    Returns:
        The two parts, which add up to the gain.
    """
    share = [float(table["worked"].mean()) for table in (before, after)]
    rate = {worked: _rates(before, after, worked) for worked in (True, False)}
    ahead = sum(rate[True]) / 2 - sum(rate[False]) / 2
    often = (share[1] - share[0]) * ahead
    mean_share = sum(share) / 2
    better = mean_share * (rate[True][1] - rate[True][0]) + (1 - mean_share) * (rate[False][1] - rate[False][0])
    return often, better


def _rates(before: pd.DataFrame, after: pd.DataFrame, worked: bool) -> list[float]:
    found = [table.loc[table["worked"] == worked, "correct"] for table in (before, after)]
    known = [float(values.mean()) for values in found if len(values)]
    return [float(values.mean()) if len(values) else (known[0] if known else 0.0) for values in found]


def _of_problems(table: pd.DataFrame) -> pd.Series:
    return table.groupby(UNIT)["gain"].mean()
