"""The report's tables of thinking and reflection, and its first one: every model on every level."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pandas as pd

from r1.config.data import Level
from r1.config.evaluation import EvaluateConfig
from r1.evaluation.competence import competence
from r1.evaluation.statistics import Estimate, estimate
from r1.evaluation.tries import MOST, accuracy_by_tries
from r1.reporting.published_scores import BENCHMARKS, counterparts_on
from r1.support.tables import as_rows

LEVELS: dict[Level, str] = {"train": "trained", "hard": "harder", "transfer": "transfer"}
"""Levels of problems and what the tables call them."""

ByModel = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        title: heading.
        note: what the reader needs to know beforehand.
        header: columns.
        rows: cells, as many as there are columns.
    """

    title: str
    note: str
    header: list[str]
    rows: list[list[str]]


def headline(summaries: Mapping[str, Any]) -> Table:
    """pass@1 of every model, side by side: the trained level, the harder one, transfer; a column per family.

    The paper's figure is beside the benchmark that it is of, and nowhere else.

    Args:
        summaries: model -> family -> level -> metric -> estimate; the base's say what there is.
    """
    measured = [
        (level, family) for level in get_args(Level) for family, levels in summaries["base"].items() if level in levels
    ]
    header, rows = ["model"], {model: [model] for model in summaries}
    for level, family in measured:
        header.append(f"{LEVELS[level]}: {family} %")
        for model, summary in summaries.items():
            rows[model].append(percent(summary[family][level]["pass_at_1"]))
        if published := counterparts_on(family):
            header.append(f"paper: {BENCHMARKS[family]} %")
            for model, cells in rows.items():
                cells.append(published.get(model, ""))
    return Table(
        "The models at a glance",
        "pass@1 (strict) on the level that RL trains on, on a harder one and on families that it never saw.",
        header,
        list(rows.values()),
    )


def by_level(tables: ByModel, metric: str, config: EvaluateConfig) -> dict[str, dict[Level, Estimate]]:
    """A metric of every model on every level, over all of the level's problems.

    Args:
        tables: model -> per-problem table.
        metric: one of its columns.
        config: resamples and confidence of the intervals.
    """
    return {
        model: {
            level: estimate(values, config.bootstrap_resamples, config.confidence)
            for level in get_args(Level)
            if len(values := table.loc[table["level"] == level, metric])
        }
        for model, table in tables.items()
    }


def by_budget(tables: ByModel, config: EvaluateConfig) -> Table:
    """Lenient pass@1 of models by thinking budget, level by level.

    Args:
        tables: model -> rows of `r1.evaluation.thinking.accuracy_by_budget`.
        config: resamples and confidence of the intervals.
    """
    measured = estimate_budgets(tables, config)
    budgets = sorted({budget for levels in measured.values() for points in levels.values() for budget in points})
    return Table(
        "Accuracy by thinking budget",
        "Lenient pass@1 %. Each completion is cut after so many tokens and made to answer (arXiv 2501.19393); one that "
        "has answered by then stays as it is.",
        ["level", "model", *map(str, budgets)],
        [
            [LEVELS[level], model, *(percent(points[budget]) for budget in budgets)]
            for level in get_args(Level)
            for model, levels in measured.items()
            if (points := levels.get(level))
        ],
    )


def estimate_budgets(tables: ByModel, config: EvaluateConfig) -> dict[str, dict[Level, dict[int, Estimate]]]:
    """Lenient pass@1 by model, level and budget, from the tables that `by_budget` takes."""

    def at_level(table: pd.DataFrame) -> dict[int, Estimate]:
        return {
            budget: estimate(
                table.loc[table["budget"] == budget, "lenient_pass_at_1"], config.bootstrap_resamples, config.confidence
            )
            for budget in sorted(map(int, table["budget"].unique()))
        }

    return {
        model: {level: found for level in get_args(Level) if (found := at_level(table[table["level"] == level]))}
        for model, table in tables.items()
    }


def by_tries(samples: ByModel, config: EvaluateConfig) -> Table:
    """Accuracy of completions by their number of tries, on the trained level.

    Args:
        samples: model -> every completion.
        config: resamples and confidence of the intervals.
    """
    return Table(
        "Accuracy by number of tries",
        "Lenient, trained level. A completion has one try, and one more for each word of reflection ('wait', 'check'). "
        "Hard problems take more tries: compare models at the same number of tries, not the rows of one model.",
        ["model", "tries", "completions", "problems", "right %"],
        [
            [
                model,
                f"{found.tries} or more" if found.tries == MOST else str(found.tries),
                str(found.completions),
                str(found.accuracy["n"]),
                percent(found.accuracy),
            ]
            for model, table in samples.items()
            for found in accuracy_by_tries(table[table["level"] == "train"], config)
        ],
    )


def by_competence(samples: ByModel, config: EvaluateConfig) -> Table:
    """The share of right steps by family and kind of step; families without readable steps are left out.

    Args:
        samples: model -> every completion.
        config: resamples and confidence of the intervals.
    """
    measured = {model: competence(table) for model, table in samples.items()}
    kinds = pd.concat(measured.values())[["family", "step"]].drop_duplicates()

    def shown(table: pd.DataFrame, family: str, step: str) -> str:
        shares = table.loc[(table["family"] == family) & (table["step"] == step), "right"]
        return percent(estimate(shares, config.bootstrap_resamples, config.confidence)) if len(shares) else ""

    return Table(
        "Right steps",
        "% of the steps in a completion that are right given those before it, averaged over problems: RL combines what "
        "the base can do.",
        ["family", "step", *measured],
        [
            [row["family"], row["step"], *(shown(table, row["family"], row["step"]) for table in measured.values())]
            for row in as_rows(kinds)
        ],
    )


def by_intervention(tables: ByModel, without: ByModel, config: EvaluateConfig) -> Table:
    """Models with and without the forbidden words, level by level.

    Args:
        tables: model -> per-problem table.
        without: the same with the words forbidden.
        config: resamples and confidence of the intervals.
    """

    def shown(table: pd.DataFrame, level: Level, metric: str) -> str:
        values = table.loc[table["level"] == level, metric]
        return percent(estimate(values, config.bootstrap_resamples, config.confidence))

    return Table(
        "Without words of reflection",
        "The model again, on the same problems and with the same seed, but unable to write these words. Reflection "
        "that is left is spelled by other tokens than the tokenizer's.",
        ["level", "model", "lenient pass@1 %", "without the words %", "reflection %", "without the words %"],
        [
            [
                LEVELS[level],
                model,
                *(
                    shown(table, level, metric)
                    for metric in ("lenient_pass_at_1", "reflection_rate")
                    for table in (tables[model], forbidden)
                ),
            ]
            for level in get_args(Level)
            for model, forbidden in without.items()
            if (forbidden["level"] == level).any()
        ],
    )


def signed(effect: float, low: float, high: float, unit: str = "") -> str:
    """A difference and its interval, with their signs.

    >>> signed(1.25, -0.5, 3, " points")
    '+1.2 points [-0.5, +3.0]'
    """
    return f"{effect:+.1f}{unit} [{low:+.1f}, {high:+.1f}]"


def percent(share: Estimate) -> str:
    """A share and its interval, in per cent."""
    mean, low, high = (100 * share[key] for key in ("mean", "low", "high"))
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"
