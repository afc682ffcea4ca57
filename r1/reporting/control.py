"""The control's learning rates: how RL on the students' bases went with each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from r1.reporting.tables import Table
from r1.support.artifacts import BrokenArtifact

RUNS = Path("data/control/runs")
RATES = Path("data/control/learning_rates.json")
STUDENTS = ("qwen", "llama")
LAST = 10
"""Steps that reward and format rate are averaged over."""
_SCORE = "validation/pass_at_1"


def read_rates(folder: Path) -> dict[str, Any]:
    """Read the runs of all learning rates.

    Args:
        folder: a folder per learning rate, as `python -m r1 variant` writes it.

    Returns:
        `students`: student -> by learning rate, ascending: `learning_rate`, `reward` and `format_rate` (means of the
        last steps), and `validation_pass_at_1` after the last step. `chosen`: student -> the learning rate with the
        highest validation_pass_at_1; the lower one on a tie.

    Raises:
        BrokenArtifact: if there are no runs, or one was not validated.
    """
    runs = {path: yaml.safe_load((path / "params.yaml").read_text()) for path in folder.glob("*") if path.is_dir()}
    if not runs:
        raise BrokenArtifact(f"{folder} has no runs: `dvc repro experiments/control/dvc.yaml` makes them")
    students = {
        student: sorted(
            (_row(path, student, params) for path, params in runs.items()), key=lambda row: row["learning_rate"]
        )
        for student in STUDENTS
    }
    chosen = {
        student: max(rows, key=lambda row: row["validation_pass_at_1"])["learning_rate"]
        for student, rows in students.items()
    }
    problems = min(params["rl"]["validation_problems"] for params in runs.values())
    return {"validation_problems": problems, "students": students, "chosen": chosen}


def _row(path: Path, student: str, params: Mapping[str, Any]) -> dict[str, float]:
    curve = pd.read_csv(path / f"plots/student_rl_{student}.csv")
    if _SCORE not in curve or curve[_SCORE].isna().all():
        raise BrokenArtifact(f"{path}: student_rl_{student} was not validated: set rl.validation_steps")
    return {
        "learning_rate": params[f"student_rl_{student}"]["learning_rate"],
        "reward": float(curve["reward"].tail(LAST).mean()),
        "validation_pass_at_1": float(curve[_SCORE].dropna().iloc[-1]),
        "format_rate": float(curve["rewards/format_reward/mean"].tail(LAST).mean()),
    }


def rates_table(values: Mapping[str, Any]) -> Table:
    """The learning rates, from learning_rates.json."""
    return Table(
        "The control's learning rate",
        f"RL on the students' bases. pass@1 after the last step, on {values['validation_problems']} of RL's problems "
        f"that were held back, chooses; reward and format rate are means of the last {LAST} steps.",
        ["student", "learning rate", "reward", "validation pass@1 %", "format %", "chosen"],
        [
            [
                student,
                f"{row['learning_rate']:g}",
                f"{row['reward']:.2f}",
                f"{100 * row['validation_pass_at_1']:.1f}",
                f"{100 * row['format_rate']:.1f}",
                "yes" if row["learning_rate"] == values["chosen"][student] else "",
            ]
            for student, rows in values["students"].items()
            for row in rows
        ],
    )
