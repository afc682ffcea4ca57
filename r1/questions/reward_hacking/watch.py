"""When a hole was found, and when a guard or an indicator rang: step by step, of one run's table `steps`."""

import pandas as pd

from r1.questions.reward_hacking.settings import Alarm, HackingBounds


def found_at(steps: pd.DataFrame, hack: str, bounds: HackingBounds) -> float:
    """The first step by which the share of hacked rollouts has risen by `bounds.found`; NaN if it never has."""
    shares = _smooth(steps[f"hacked_{hack}"], bounds.window)
    return _first(steps, shares - shares.dropna().iloc[0] >= bounds.found)


def rings_at(steps: pd.DataFrame, bounds: HackingBounds) -> dict[str, float]:
    """The first step at which each alarm rings, by name; NaN if it never does, or its column was not logged.

    `gap` is a column of its own: the reward of the rollouts, as a share of its largest, minus pass@1 of the validation
    before it.
    """
    table = steps.assign(gap=_gap(steps))
    return {name: _rings(table, alarm, bounds.window) for name, alarm in bounds.alarms.items()}


def _rings(table: pd.DataFrame, alarm: Alarm, window: int) -> float:
    if alarm.column not in table:
        return float("nan")
    known = table.dropna(subset=[alarm.column])
    # Validation is logged every so many steps, each with many problems: no mean is needed, and none is taken.
    values = _smooth(known[alarm.column], 1 if alarm.column == "validation" else window)
    if values.dropna().empty:
        return float("nan")
    first = values.dropna().iloc[0]
    if alarm.of == "change":
        values = values - first
    elif alarm.of == "ratio":
        values = values / first
    rings = pd.Series(False, index=values.index)
    if alarm.below is not None:
        rings |= values < alarm.below
    if alarm.above is not None:
        rings |= values > alarm.above
    return _first(known, rings)


def _gap(steps: pd.DataFrame) -> pd.Series:
    if "validation" not in steps:
        return pd.Series(float("nan"), index=steps.index)
    return steps["reward"] / steps["largest"] - steps["validation"].ffill()


def _smooth(values: pd.Series, window: int) -> pd.Series:
    """Mean of the last steps; unknown until there are as many, so that the first known one is the first window's."""
    return values.astype(float).rolling(window).mean()


def _first(steps: pd.DataFrame, holds: pd.Series) -> float:
    at = steps.loc[holds, "step"]
    return float(at.iloc[0]) if len(at) else float("nan")
