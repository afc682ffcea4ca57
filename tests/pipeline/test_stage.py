"""A stage's run: inputs checked before they are read, artifacts with manifests, metrics apart from times."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from r1.config.recipe import Config
from r1.pipeline.stage import Run
from r1.support.artifacts import BrokenArtifact, content_hash, read_manifest, write_json
from tests.conftest import ROOT


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run in an empty project, whose artifact data/sft is there."""
    monkeypatch.chdir(tmp_path)
    config = cast(Config, type("Seeded", (), {"seed": 3}))
    run = Run(name="zero", config=config, params={"seed": 3}, script=ROOT / "stages" / "zero.py")
    with run.artifact("data/sft", {}, counts={"examples": 2}) as directory:
        (directory / "examples.parquet").write_text("first second")
    return run


def test_inputs_are_hashed_and_stand_in_the_manifest(run: Run) -> None:
    inputs = run.inputs("data/sft", "data/sft/examples.parquet")
    assert inputs == {path: content_hash(Path(path)) for path in ("data/sft", "data/sft/examples.parquet")}
    with run.artifact("data/models/zero", inputs, counts={}) as directory:
        (directory / "model").write_text("w")
    assert read_manifest(Path("data/models/zero"))["inputs"] == inputs


def alter_manifest(artifact: Path) -> None:
    write_json(artifact / "manifest.json", {**read_manifest(artifact), "seed": 4})


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "cut-short": lambda path: path.write_text("first sec"),
    "altered": lambda path: path.write_text("first SECOND"),
    "missing": Path.unlink,
    "something-added": lambda path: (path.parent / "more.parquet").write_text(""),
    "manifest-altered": lambda path: alter_manifest(path.parent),
    "artifact-missing": lambda path: shutil.rmtree(path.parent),
    "without-manifest": lambda path: (path.parent / "manifest.json").unlink(),
    "manifest-cut-short": lambda path: (path.parent / "manifest.json").write_text('{"content":'),
}


@pytest.mark.parametrize("name", ["data/sft", "data/sft/examples.parquet"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_input_is_refused_by_name(run: Run, damage: Callable[[Path], Any], name: str) -> None:
    damage(Path("data/sft/examples.parquet"))
    with pytest.raises(BrokenArtifact, match=r"data/sft .*`dvc repro`"):
        run.inputs(name)


def test_what_the_clock_decides_is_written_apart(run: Run) -> None:
    run.metrics({"loss": 0.5, "seconds": 3.0, "tokens": 7, "tokens_per_second": 2.3, "phases": {}})
    assert json.loads(Path("data/metrics/zero.json").read_text()) == {"loss": 0.5, "tokens": 7}
    timed = json.loads(Path("data/metrics/throughput/zero.json").read_text())
    assert timed == {"seconds": 3.0, "tokens_per_second": 2.3, "phases": {}}


def test_a_run_without_times_writes_none(run: Run) -> None:
    run.metrics({"documents": 3})
    assert not Path("data/metrics/throughput").exists()
