"""An outside package goes through the smoke DAG by configuration alone; a change in it re-runs what uses it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from r1.recipe import MODELS
from tests.conftest import ROOT, copy_project
from tests.plugged import outside_config as outside

pytestmark = pytest.mark.slow


def dvc(project: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def ran(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of this project in which the smoke DAG has run with the outside package."""
    project = tmp_path_factory.mktemp("plugged") / "project"
    copy_project(project)
    rows = "data/external/doubles.jsonl"
    shutil.copy(ROOT / outside.ROWS, project / rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(project))
        patch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
        compose = [sys.executable, "-m", "r1", "compose", *outside.overrides(rows)]
        subprocess.run(compose, cwd=project, check=True)
        dvc(project, "repro")
        yield project


def test_each_kind_of_plugin_was_used(smoke: Path) -> None:
    rows = pd.read_parquet(smoke / "data/prompts/rl.parquet")
    assert set(rows[rows["task"] == outside.TASK]["family"]) == {"doubling", "doubles"}
    assert outside.REWARD in pd.read_parquet(smoke / "data/models/zero/samples.parquet").columns
    for model in MODELS:
        metrics = json.loads((smoke / f"data/metrics/evaluate/{model}.json").read_text())
        assert metrics["doubling"]["train"]["pass_at_1"]["n"] == 4
        samples = pd.read_parquet(smoke / f"data/evaluations/{model}/samples.parquet")
        assert set(samples["completion"]) == {outside.REPLY}
    manifest = json.loads((smoke / "data/models/zero/manifest.json").read_text())
    assert set(manifest["plugins"]) == {outside.TASK, outside.REWARD}


def test_repeating_does_nothing(smoke: Path) -> None:
    assert "Data and pipelines are up to date" in dvc(smoke, "repro")


VERIFYING = {"zero", "cold_start_data", "reasoning_rl", "rejection_sampling", "final_rl", "student_rl@qwen",
             "student_rl@llama"} | {f"evaluate@{model}" for model in MODELS}  # fmt: skip
CHANGED = {
    "unused.py": set(),
    "rewards.py": {"zero"},
    "adapters.py": {"prepare"},
    "engine.py": {f"evaluate@{model}" for model in MODELS},
    "tasks.py": VERIFYING | {"prepare"},
}


@pytest.mark.parametrize("file", CHANGED)
def test_a_change_concerns_exactly_the_stages_that_use_it(smoke: Path, file: str) -> None:
    path = smoke / outside.PACKAGE / "outside" / file
    before = path.read_text() if path.exists() else None
    try:
        with path.open("a") as opened:
            opened.write("\n# changed\n")
        assert ran(dvc(smoke, "repro", "plugins")) == ["plugins"]
        assert set(json.loads(dvc(smoke, "status", "--json", "dvc.yaml"))) == CHANGED[file]
    finally:  # the next change runs `plugins` again
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
