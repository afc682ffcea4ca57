"""R1-Zero's 'aha' figure (paper section 2.2.4): length, reflection and accuracy over the run, with excerpts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from r1.reporting.charts import Panel, curves
from r1.reporting.excerpts import marked, reflections, shorten
from r1.support.tables import as_rows

PANELS = (
    Panel("completions/mean_length", "completion length (tokens)"),
    Panel("reflection_rate", "completions with reflection (share)"),
    Panel("rewards/accuracy_reward/mean", "accuracy reward"),
)
MOMENTS = 4
"""Excerpts: at the run's first step, its last, and evenly between."""
_LONGEST = 1500
"""Characters of an excerpt at most."""


@dataclass(frozen=True)
class Excerpt:
    """One rollout.

    Attributes:
        label: its mark in the figure.
        step: optimizer step.
        prompt: the problem.
        reference: its reference answer.
        completion: what the model wrote, as HTML.
        tokens: its length, if known.
        rewards: by component.
    """

    label: str
    step: int
    prompt: str
    reference: str
    completion: Markup
    tokens: int | None
    rewards: dict[str, float]


@dataclass(frozen=True)
class Aha:
    """The figure: curves as HTML, and excerpts, none if no rollouts were kept.

    Attributes:
        figure: a panel per curve.
        excerpts: in the order of steps.
        chosen: how they were chosen.
    """

    figure: str
    excerpts: list[Excerpt]
    chosen: str


def read_rollouts(data: Path) -> pd.DataFrame | None:
    """R1-Zero's rollouts: step, prompt, answer, completion, tokens, and a `reward_<name>` per component.

    Runs that kept none have the first and the last group of some steps beside the model.

    Args:
        data: the project's data directory.
    """
    # Not r1.rollouts: while the stage trains again, that reads the unfinished run, which DVC does not track.
    if parts := sorted((data / "rollouts/zero").glob("*.parquet")):
        return pd.concat(map(pd.read_parquet, parts), ignore_index=True)
    samples = data / "models/zero/samples.parquet"
    if not samples.is_file():
        return None
    named = {f"{name}_reward": f"reward_{name}" for name in ("accuracy", "format")}
    return pd.read_parquet(samples).rename(columns=named).assign(tokens=None)


def draw_aha(log: pd.DataFrame, rollouts: pd.DataFrame | None) -> Aha:
    """Draw the curves and choose the excerpts.

    Args:
        log: R1-Zero's learning curve.
        rollouts: as `read_rollouts` returns them.
    """
    excerpts, chosen = ([], "") if rollouts is None or rollouts.empty else _choose(rollouts)
    marks = {excerpt.step: excerpt.label for excerpt in excerpts}
    return Aha(curves({"R1-Zero": log}, PANELS, smooth=5, marks=marks), excerpts, chosen)


def _choose(rollouts: pd.DataFrame) -> tuple[list[Excerpt], str]:
    """The same problem at four steps if it came up near all of them, else one of each step's; and how it was chosen.

    A problem's own four steps are the nearest to the wanted ones, and may be off by a tenth of the run. Of several
    problems, the one whose last group reflects most is taken; of a group, the completion of median length.
    """
    steps = sorted(map(int, rollouts["step"].unique()))
    wanted = [steps[0] + (steps[-1] - steps[0]) * moment / (MOMENTS - 1) for moment in range(MOMENTS)]
    most = max(1.0, (steps[-1] - steps[0]) / 10)
    recurring: list[tuple[float, str, list[int]]] = []
    for prompt, group in rollouts.groupby("prompt", sort=False):
        nearest = [_nearest(group["step"], step) for step in wanted]
        if len(set(nearest)) == MOMENTS and max(abs(a - b) for a, b in zip(nearest, wanted, strict=True)) <= most:
            recurring.append((_reflection(group[group["step"] == nearest[-1]]), str(prompt), nearest))
    if recurring:
        _, prompt, at = max(recurring, key=lambda one: one[0])
        groups = [rollouts[(rollouts["prompt"] == prompt) & (rollouts["step"] == step)] for step in at]
        how = "One problem at four steps: of those that came up near all four, the one whose last group reflects most."
    else:
        groups = [_most_reflective(rollouts[rollouts["step"] == _nearest(rollouts["step"], step)]) for step in wanted]
        how = "At each of four steps, the problem whose group reflects most."
    found = {int(group["step"].iloc[0]): _excerpt(_median(group)) for group in groups}
    excerpts = [Excerpt(label=str(number), **one) for number, one in enumerate(found.values(), 1)]
    return excerpts, f"{how} Of a group, the completion of median length is shown."


def _nearest(steps: pd.Series, wanted: float) -> int:
    return min(map(int, steps.unique()), key=lambda step: (abs(step - wanted), step))


def _reflection(group: pd.DataFrame) -> float:
    return float(group["completion"].map(reflections).mean())


def _most_reflective(step: pd.DataFrame) -> pd.DataFrame:
    return max((group for _, group in step.groupby("prompt", sort=False)), key=_reflection)


def _median(group: pd.DataFrame) -> Mapping[str, Any]:
    order = group["completion"].str.len().sort_values(kind="stable").index
    return as_rows(group.loc[[order[(len(order) - 1) // 2]]])[0]


def _excerpt(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "step": int(row["step"]),
        "prompt": shorten(row["prompt"], _LONGEST),
        "reference": shorten(str(row["answer"]), _LONGEST),
        "completion": marked(shorten(row["completion"], _LONGEST)),
        "tokens": None if pd.isna(row["tokens"]) else int(row["tokens"]),
        "rewards": {
            name.removeprefix("reward_"): float(value)
            for name, value in row.items()
            if name.startswith("reward_") and not pd.isna(value)
        },
    }
