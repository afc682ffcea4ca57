"""Show rollouts on the terminal: those of a step, sorted and filtered, with rewards and advantage."""

import re
from typing import Any

import pandas as pd
from rich.table import Table

from r1.reporting.terminal import SafeConsole, empty_pairs, safe
from r1.rollouts import NoRollouts, read

_NUMBERED = ("step", "group", "reward", "advantage", "tokens", "sampler_logprob", "trainer_logprob")
_TEXTS = ("prompt", "answer", "completion")


def show_rollouts(
    stage: str,
    step: int | None = None,
    family: str | None = None,
    grep: str | None = None,
    sort: str | None = None,
    limit: int = 10,
) -> None:
    """Print rollouts of a stage.

    Args:
        stage: such as `zero`, `rejection_sampling` or `evaluate/r1`.
        step: of RL; all steps if None.
        family: of the problems; all if None.
        grep: regular expression that the completion must contain.
        sort: column to sort by, the highest value first.
        limit: rollouts to print.

    Raises:
        NoRollouts: if the stage, step, family or column does not exist, or nothing matches: says what there is.
    """
    console, frame = SafeConsole(), read(stage)
    total = len(frame)
    if step is not None:
        frame = _only(frame, "step", step)
    if family is not None:
        frame = _only(frame, "family", family)
    if grep is not None:
        frame = frame[frame["completion"].str.contains(_pattern(grep))]
    if sort is not None:
        if sort not in frame or frame[sort].isna().all():
            known = [str(name) for name in frame if frame[name].notna().any() and name not in _TEXTS]
            raise NoRollouts(f"--sort {sort}: no such column with values; there are {', '.join(known)}")
        frame = frame.sort_values(sort, ascending=False, kind="stable")
    if frame.empty:
        raise NoRollouts(f"none of {total:,} rollouts of {stage} match")
    console.print(safe(f"{stage}: {min(limit, len(frame)):,} of {len(frame):,} that match, of {total:,}", "bold"))
    for _, row in frame.head(limit).iterrows():
        console.print(_as_pairs(row))
        console.print()


def _only(frame: pd.DataFrame, column: str, value: int | str) -> pd.DataFrame:
    found = frame[frame[column] == value]
    if found.empty:
        known = frame[column].dropna().drop_duplicates().tolist()
        if len(known) > 20:
            known = [*known[:3], "…", *known[-3:]]
        there = ", ".join(map(str, known)) or "none"
        raise NoRollouts(f"--{column} {value}: no rollouts with it; there are those of {column} {there}")
    return found


def _pattern(grep: str) -> "re.Pattern[str]":
    try:
        return re.compile(grep)
    except re.error as error:
        raise NoRollouts(f"--grep {grep!r}: not a regular expression ({error})") from None


def _as_pairs(row: "pd.Series[Any]") -> Table:
    grid, present = empty_pairs(), row.dropna()
    numbers = [f"{name} {_number(present[name])}" for name in _NUMBERED if name in present]
    others = [
        f"{name.removeprefix('reward_')} {_number(value)}"
        for name, value in present.items()
        if isinstance(name, str) and name not in (*_NUMBERED, *_TEXTS)
    ]
    grid.add_row("", safe(", ".join(numbers), "bold"))
    for name in _TEXTS:
        if name in present:
            grid.add_row(name, safe(present[name]))
    grid.add_row("", safe(", ".join(others), "dim"))
    return grid


def _number(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
