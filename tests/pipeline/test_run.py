"""A stage's run: inputs checked before they are read, artifacts with manifests, metrics apart from times."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from r1.pipeline.run import PartDone, Run, Sections, TrainingSections
from r1.support.artifacts import BrokenArtifact, content_hash, read_manifest, write_json
from r1.training.context import PLAIN, Trained
from tests.conftest import ROOT


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run in an empty project, whose artifact data/sft is there."""
    monkeypatch.chdir(tmp_path)
    run = Run(name="zero", config=Sections(seed=3), params={"seed": 3}, script=ROOT / "stages" / "zero.py")
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


def trained(**values: Any) -> Trained:
    nothing: Any = None
    return Trained(nothing, nothing, **values)


def test_a_model_is_written_with_its_metrics_and_counts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trained, "save", lambda _, directory: (directory / "weights").write_text("w"))
    inputs = run.inputs("data/sft")
    run.write_model("data/models/zero", trained(metrics={"loss": 0.5, "seconds": 2.0}, counts={"steps": 4}), inputs)
    manifest = read_manifest(Path("data/models/zero"))
    assert manifest["counts"] == {"steps": 4} and manifest["inputs"] == inputs
    assert (manifest["stage"], manifest["seed"], manifest["params"]) == ("zero", 3, {"seed": 3})
    assert json.loads(Path(manifest["metrics"]).read_text()) == {"loss": 0.5}
    assert json.loads(Path("data/metrics/throughput/zero.json").read_text()) == {"seconds": 2.0}


def test_a_training_is_handed_seed_curve_checkpoints_and_how_it_computes(run: Run) -> None:
    own = Run("zero", TrainingSections(3, PLAIN), {"seed": 3}, run.script)
    with own.training({}) as context:
        assert (context.seed, context.training) == (3, PLAIN)
        assert context.curve == own.curve == Path("data/plots/zero.csv")
        assert context.checkpoints.is_dir() and context.checkpoints.parent == Path("data/.checkpoints/zero")
    assert not context.checkpoints.exists(), "of a finished run"


def test_a_training_that_fails_keeps_its_checkpoints(run: Run) -> None:
    own = Run("zero", TrainingSections(3, PLAIN), {"seed": 3}, run.script)
    with pytest.raises(ValueError), own.training({}) as context:
        raise ValueError
    assert context.checkpoints.is_dir()
    with own.training({}) as again:
        assert again.checkpoints == context.checkpoints
    with own.training({"data/sft": "another"}) as other:
        assert other.checkpoints != context.checkpoints


def test_only_the_main_process_writes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(PartDone):
        run.write_model("data/models/zero", trained(metrics={"loss": 0.5}), {})
    assert not Path("data/models/zero").exists() and not Path("data/metrics").exists()


def test_processes_of_a_machine_share_hashes_but_not_of_changed_inputs(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    first = run.inputs("data/sft")
    with monkeypatch.context() as patched:
        patched.setattr("r1.pipeline.run.check_whole", lambda artifact: pytest.fail("hashed again"))
        assert run.inputs("data/sft") == first
    Path("data/sft/examples.parquet").write_text("first SECOND")
    with pytest.raises(BrokenArtifact, match="data/sft"):
        run.inputs("data/sft")
