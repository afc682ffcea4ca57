"""Two processes train as one does, and one of them writes; the processes are real ones, started by accelerate."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from r1.support.artifacts import check_whole, write_manifest
from r1.support.tables import write_rows
from tests.conftest import copy_project
from tests.training.launched import launched, sums
from tests.trainings import dense

pytestmark = pytest.mark.slow

STEPS = 4


@pytest.mark.parametrize("kind", ["sft", "grpo"])
def test_two_processes_train_as_one(kind: str, tiny_model: Path, tmp_path: Path) -> None:
    alone, weights, metrics = launched(1, kind, dense(tiny_model), tmp_path / "one", steps=STEPS)
    both, weights_of_both, metrics_of_both = launched(2, kind, tiny_model, tmp_path / "two", steps=STEPS)
    assert len(alone) == len(both) == STEPS
    for one, two in zip(alone, both, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-5)
        assert two["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-3)
        assert two["num_tokens"] == one["num_tokens"]
        if kind != "sft":
            assert two["reward"] == pytest.approx(one["reward"], abs=1e-6) and two["rollouts"] == one["rollouts"]
    for name, values in weights.items():
        assert (values - weights_of_both[name]).abs().max() < 1e-5, name
    for count in ("steps", "tokens", "flops"):
        assert metrics_of_both[count] == metrics[count]


def test_a_reward_sees_whole_groups_in_each_process(tiny_model: Path, tmp_path: Path) -> None:
    """Where check_rl_launch allows it: 32 rollouts in groups of 4 are 4 groups a process."""
    rows, _, _ = launched(2, "grpo", dense(tiny_model), tmp_path / "two", steps=2, whole=True)
    assert [row["reward"] for row in rows] == [1.0, 1.0]


def test_two_processes_evaluate_and_keep_what_one_does(tiny_model: Path, tmp_path: Path) -> None:
    alone, weights, metrics = launched(1, "grpo", dense(tiny_model), tmp_path / "one", steps=STEPS, best=2)
    both, weights_of_both, metrics_of_both = launched(2, "grpo", tiny_model, tmp_path / "two", steps=STEPS, best=2)
    scores = [[row["validation/pass_at_1"] for row in rows[1::2]] for rows in (alone, both)]
    assert scores[0] == scores[1] and metrics["kept"] == metrics_of_both["kept"]
    for name, values in weights.items():
        assert (values - weights_of_both[name]).abs().max() < 1e-5, name


@pytest.fixture
def project(tiny_model: Path, tmp_path: Path) -> Path:
    """A project in which cold_start can run."""
    copy_project(tmp_path / "project")
    base, examples = tmp_path / "project/data/models/base", tmp_path / "project/data/cold_start"
    base.parent.mkdir(parents=True)
    examples.mkdir()
    shutil.copytree(dense(tiny_model), base)
    write_manifest(base, {})
    write_rows(examples / "examples.parquet", list(sums(16)))
    write_manifest(examples, {})
    return tmp_path / "project"


def stage(project: Path, *overrides: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    """Run stages/cold_start.py by hand in so many processes."""
    configuration = ["--config_file", "conf/accelerate/ddp.yaml", "--num_processes", str(processes)]
    launcher = [sys.executable, "-m", "accelerate.commands.launch", *configuration, "--main_process_port", "0"]
    environment = {"PYTHONPATH": str(project), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": "/tmp"}
    settings = overrides or ("cold_start.batch_size=8", "cold_start.micro_batch_size=4")
    command = [*launcher, "stages/cold_start.py", "cold_start.epochs=1", *settings]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_a_stage_writes_once(project: Path) -> None:
    ran = stage(project)
    assert ran.returncode == 0, ran.stderr[-3000:]
    check_whole(project / "data/models/cold_start")
    assert json.loads((project / "data/metrics/cold_start.json").read_text())["steps"] == 2
    assert len((project / "data/plots/cold_start.csv").read_text().splitlines()) == 3
    assert ran.stdout.count("step 2/2") == 1, "the main process alone prints"
    assert not list((project / "data/.checkpoints").rglob("*.safetensors"))


def test_a_batch_that_cannot_be_shared_out_is_refused(project: Path) -> None:
    ran = stage(project, "cold_start.batch_size=9", "cold_start.micro_batch_size=9")
    assert ran.returncode != 0
    assert ran.stderr.count("error: batch_size 9 must be a multiple of 2 processes") == 1, ran.stderr[-3000:]
    assert not (project / "data/models/cold_start").exists()


def test_a_process_that_fails_ends_all_and_leaves_nothing(project: Path) -> None:
    broken = project / "r1/training/recorder.py"
    step = "        if self.spent and"
    failing = (
        "        if __import__('os').environ['RANK'] == '1':\n            raise RuntimeError('the other one broke')\n"
    )
    broken.write_text(broken.read_text().replace(step, failing + step))
    ran = stage(project)
    assert ran.returncode != 0 and "the other one broke" in ran.stderr
    assert not list((project / "data/models").glob("*cold_start*"))
