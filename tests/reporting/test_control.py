"""The control's learning rates: validation chooses, on each student's own."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from r1.reporting.control import RATES, RUNS, STUDENTS, read_rates
from r1.reporting.readme import control_results
from r1.support.artifacts import BrokenArtifact, write_json


def write_run(folder: Path, rate: float, scores: dict[str, float | None], steps: int = 20) -> None:
    folder.mkdir(parents=True)
    params = {f"student_rl_{student}": {"learning_rate": rate} for student in STUDENTS}
    (folder / "params.yaml").write_text(yaml.safe_dump(params | {"rl": {"validation_problems": 64}}))
    (folder / "plots").mkdir()
    for student in STUDENTS:
        curve = pd.DataFrame({"step": range(steps), "reward": [0.0] * 10 + [1.0] * 10})
        curve["rewards/format_reward/mean"] = curve["reward"] / 2
        if scores[student] is not None:
            curve.loc[[4, 15], "validation/pass_at_1"] = [0.9, scores[student]]
        curve.to_csv(folder / f"plots/student_rl_{student}.csv", index=False)


def test_the_best_validated_rate_is_chosen_and_the_lower_one_on_a_tie(tmp_path: Path) -> None:
    write_run(tmp_path / RUNS / "1e-4", 1e-4, {"qwen": 0.3, "llama": 0.4})
    write_run(tmp_path / RUNS / "5e-5", 5e-5, {"qwen": 0.2, "llama": 0.4})
    write_run(tmp_path / RUNS / "2e-4", 2e-4, {"qwen": 0.1, "llama": 0.1})
    found = read_rates(tmp_path / RUNS)
    assert found["chosen"] == {"qwen": 1e-4, "llama": 5e-5}
    assert found["students"]["qwen"][0] == {
        "learning_rate": 5e-5, "reward": 1.0, "validation_pass_at_1": 0.2, "format_rate": 0.5
    }  # fmt: skip
    write_json(tmp_path / RATES, found)
    rows = [line for line in control_results(tmp_path).splitlines() if line.startswith(("| qwen", "| llama"))]
    assert rows[1] == "| qwen | 0.0001 | 1.00 | 30.0 | 50.0 | yes |" and len(rows) == 6


def test_a_run_without_validation_says_so(tmp_path: Path) -> None:
    write_run(tmp_path / "1e-4", 1e-4, {"qwen": 0.3, "llama": None})
    with pytest.raises(BrokenArtifact, match=r"student_rl_llama was not validated: set rl\.validation_steps"):
        read_rates(tmp_path)
    with pytest.raises(BrokenArtifact, match="has no runs"):
        read_rates(tmp_path / "nowhere")
