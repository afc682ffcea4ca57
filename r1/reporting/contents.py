"""Contents of the report, read from the artifacts, curves and metrics of all stages."""

from pathlib import Path
from typing import Any

import pandas as pd

from r1.config.evaluation import EvaluateConfig, ReportConfig
from r1.evaluation.claims import at_budgets, judge_claims, without_words
from r1.recipe import MODELS, runs
from r1.reporting.aha import draw_aha, read_rollouts
from r1.reporting.charts import LOSS_PANELS, RL_PANELS, bars, curves, intervals
from r1.reporting.measurements import read_flops, read_measurements, read_tables
from r1.reporting.overview import overview
from r1.reporting.recipe_picture import draw_recipe
from r1.reporting.report import Contents
from r1.reporting.tables import (
    LEVELS,
    by_budget,
    by_competence,
    by_intervention,
    by_level,
    by_tries,
    estimate_budgets,
    headline,
)
from r1.reporting.traces import collect_traces
from r1.support.artifacts import read_json
from r1.support.tables import as_rows

SAMPLES = 3
"""Completions shown per model, each of a different problem."""
TRYING = ("base", "zero", "r1")
"""Models whose tries and steps are counted: before RL, after it, and at the end of the recipe."""


def read_contents(root: Path, profile: str, report: ReportConfig, evaluate: EvaluateConfig) -> Contents:
    """Read the results, judge the claims and draw the figures.

    Args:
        root: the project root.
        profile: the profile that ran.
        report: margins of the claims.
        evaluate: resamples and confidence of the intervals.

    Raises:
        BrokenArtifact: if a metric or a table is missing, or an evaluation is of a version without families or lenient
            readings.
    """
    data = root / "data"
    measured = read_measurements(data, evaluate)
    tables = {model: measured[model] for model in MODELS}
    budgets: dict[str, pd.DataFrame] = {model: measured[at_budgets(model)] for model in evaluate.thinking.models}
    without: dict[str, pd.DataFrame] = {model: measured[without_words(model)] for model in evaluate.intervention.models}
    samples = read_tables(data, MODELS, "samples")
    shown = {model: table.drop_duplicates("problem").head(SAMPLES) for model, table in samples.items()}
    stages = {name: read_json(data / f"metrics/{name}.json") for name in runs()}
    tried = {model: samples[model] for model in TRYING}
    summaries = {model: read_json(data / f"metrics/evaluate/{model}.json") for model in MODELS}
    logs = {name: pd.read_csv(data / f"plots/{name}.csv") for name in runs()}
    claims = judge_claims(measured, read_flops(data), report, evaluate)
    accuracy = by_level(tables, "pass_at_1", evaluate)
    return Contents(
        profile=profile,
        confidence=evaluate.confidence,
        overview=overview(accuracy, by_level(tables, "response_tokens", evaluate), claims),
        picture=draw_recipe(accuracy, evaluate.confidence),
        aha=draw_aha(logs["zero"], read_rollouts(data)),
        traces=collect_traces(samples),
        headline=headline(summaries),
        claims=claims,
        thinking=[
            *([by_budget(budgets, evaluate)] if budgets else []),
            *([by_intervention(tables, without, evaluate)] if without else []),
            by_tries(tried, evaluate),
            by_competence(tried, evaluate),
        ],
        summaries=summaries,
        samples={model: as_rows(table) for model, table in shown.items()},
        stages=stages,
        figures=draw_figures(summaries, logs, draw_budgets(budgets, evaluate) if budgets else {}),
    )


def draw_budgets(budgets: dict[str, pd.DataFrame], evaluate: EvaluateConfig) -> dict[str, str]:
    """Draw accuracy against the thinking budget, a panel per level, title -> HTML."""
    measured = estimate_budgets(budgets, evaluate)
    panels = {
        name: {
            model: {budget: (one["mean"], one["low"], one["high"]) for budget, one in levels[level].items()}
            for model, levels in measured.items()
        }
        for level, name in LEVELS.items()
        if all(level in levels for levels in measured.values())
    }
    return {"Lenient pass@1 against the thinking budget": intervals(panels, "tokens before the answer")}


def draw_figures(summaries: dict[str, Any], logs: dict[str, pd.DataFrame], thinking: dict[str, str]) -> dict[str, str]:
    """Draw the report's figures, title -> HTML: accuracy of every model, thinking budgets, the learning curves.

    Args:
        summaries: model -> family -> level -> metric -> estimate; the base's first family and level are drawn.
        logs: run -> learning curve.
        thinking: figures of thinking, as `draw_budgets` returns them.
    """
    family, level = next((family, level) for family, levels in summaries["base"].items() for level in levels)
    accuracy = {model: summary[family][level]["pass_at_1"] for model, summary in summaries.items()}

    def some(*names: str) -> dict[str, pd.DataFrame]:
        return {name: logs[name] for name in names}

    return {
        f"pass@1, {family} ({level})": bars(
            {model: (value["mean"], value["low"], value["high"]) for model, value in accuracy.items()}, "pass@1"
        ),
        **thinking,
        "R1-Zero": curves(some("zero"), RL_PANELS, smooth=5),
        "Reasoning RL and final RL": curves(some("reasoning_rl", "final_rl"), RL_PANELS, smooth=5),
        "RL on the students (control)": curves(some("student_rl_qwen", "student_rl_llama"), RL_PANELS, smooth=5),
        "Pretraining": curves(some("base", "base_qwen", "base_llama"), LOSS_PANELS),
        "Supervised fine-tuning": curves(some("cold_start", "sft", "distill_qwen", "distill_llama"), LOSS_PANELS),
    }
