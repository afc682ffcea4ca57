"""What a run measured, read from its artifacts: per-problem tables, completions, and training compute."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from r1.config.evaluation import EvaluateConfig
from r1.evaluation.claims import Tables, at_budgets, without_words
from r1.recipe import MODELS, runs
from r1.support.artifacts import BrokenArtifact, read_json


def read_measurements(data: Path, evaluate: EvaluateConfig) -> Tables:
    """Read the per-problem tables that claims rest on, from a folder with evaluations/.

    Raises:
        BrokenArtifact: if a table is missing, or an evaluation is of a version without families or lenient readings.
    """
    tables = {model: pd.read_parquet(data / f"evaluations/{model}/problems.parquet") for model in MODELS}
    for model, table in tables.items():
        if not {"family", "lenient_pass_at_1"} <= set(table):
            raise BrokenArtifact(f"data/evaluations/{model} is of an older version: run `dvc repro` to make it again")
    budgets = read_tables(data, evaluate.thinking.models, "budgets")
    without = read_tables(data, evaluate.intervention.models, "without_words_problems")
    tables |= {at_budgets(model): table for model, table in budgets.items()}
    return tables | {without_words(model): table for model, table in without.items()}


def read_flops(data: Path) -> dict[str, float]:
    """Read the training compute of every run that counts it, from a folder with metrics/."""
    stages = {name: read_json(data / f"metrics/{name}.json") for name in runs()}
    return {name: metrics["flops"] for name, metrics in stages.items() if "flops" in metrics}


def read_tables(data: Path, models: Iterable[str], name: str) -> dict[str, pd.DataFrame]:
    """A table of the models' evaluations, by model.

    Raises:
        BrokenArtifact: if an evaluation lacks it.
    """
    found = {}
    for model in models:
        path = data / f"evaluations/{model}/{name}.parquet"
        if not path.is_file():
            raise BrokenArtifact(
                f"data/evaluations/{model} has no {path.name}: it is of an older version or of another configuration; "
                "run `dvc repro` to make it again"
            )
        found[model] = pd.read_parquet(path)
    return found
