"""A question's arm at toy size."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from r1.questions.arm import Arm, S
from tests.conftest import ROOT, compose

PROBLEMS = [
    {
        "prompt": f"What is {first} + {second}?",
        "answer": str(first + second),
        "task": "chain_sum",
        "level": level,
        "family": f"sums_{level}",
        "kind": "",
    }
    for first in range(4)
    for second in range(2)
    for level in ("train", "hard")
]
"""Problems of two levels."""


def params(question: str) -> dict[str, Any]:
    """The question's params.yaml, with fewer resamples: the verdicts asked for here hold by far."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / question / "params.yaml").read_text())
    values["bounds"]["resamples"] = 200
    return values


def toy(
    settings: type[S], question: str, name: str, folder: Path, inputs: dict[str, Any] | None = None, **changes: Any
) -> Arm[S]:
    """An arm with seed 1 of the question's params.yaml, changed, on the recipe's smoke profile.

    Args:
        settings: the question's schema.
        question: its name.
        name: the arm's.
        folder: for scratch and, as problems.parquet, PROBLEMS.
        inputs: overrides of `inputs`; other paths of prompts become PROBLEMS.
        changes: further settings, flat.
    """
    values = params(question)
    pd.DataFrame(PROBLEMS).to_parquet(folder / "problems.parquet")
    rows = {key: str(folder / "problems.parquet") for key, path in values["inputs"].items() if "prompts" in str(path)}
    values["inputs"] |= rows | (inputs or {})
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return Arm(name, 1, settings.model_validate(values | changes), compose("profile=smoke"), scratch)
