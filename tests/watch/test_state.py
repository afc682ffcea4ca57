"""What ran, runs and waits."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from r1.training.context import STOPPED
from r1.watch.state import Project
from tests.watch.projects import PARAMS, finish, project, train, write_curve

ROOT_LOCK = Path(".dvc/tmp/rwlock")
SLEEP = "import time; time.sleep(60)"


def states(root: Path) -> dict[str, Any]:
    return {stage["name"]: stage for stage in Project(root).state()["stages"]}


def lock(root: Path, pid: int) -> None:
    (root / ROOT_LOCK).parent.mkdir(parents=True, exist_ok=True)
    owner = {"pid": pid, "cmd": "dvc repro"}
    (root / ROOT_LOCK).write_text(json.dumps({"read": {}, "write": {str(root.resolve() / "data/models/zero"): owner}}))


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def wait_for(root: Path, state: str) -> None:
    end = time.monotonic() + 10
    while states(root)["zero"]["state"] != state and time.monotonic() < end:
        time.sleep(0.05)  # a process has its command line a moment after it has been started
    assert states(root)["zero"]["state"] == state


def test_what_has_no_output_waits_and_what_has_is_done(tmp_path: Path) -> None:
    finish(project(tmp_path), "base@base", "base@base_qwen")
    assert {name: stage["state"] for name, stage in states(tmp_path).items()} == {
        "base@base": "done",
        "base@base_qwen": "done",
        "zero": "waits",
        "report": "waits",
    }
    assert states(tmp_path)["base@base"]["steps"] == 40, "from its section, at any depth"


def test_changed_settings_and_inputs_are_named(tmp_path: Path) -> None:
    finish(project(tmp_path), "base@base", "zero")
    assert states(tmp_path)["zero"]["state"] == "done"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({**PARAMS, "zero": {"max_steps": 31}}))
    text = (tmp_path / "dvc.lock").read_text()
    (tmp_path / "dvc.lock").write_text(text.replace("- md5: data/models/base\n", "- md5: other\n", 1))
    assert states(tmp_path)["zero"]["reasons"] == ["setting zero.max_steps", "input data/models/base"]
    assert states(tmp_path)["zero"]["state"] == "outdated"


def test_a_run_without_a_process_is_interrupted_and_keeps_its_curve(tmp_path: Path) -> None:
    train(project(tmp_path), steps=7, age=60)
    zero = states(tmp_path)["zero"]
    assert (zero["state"], zero["step"], zero["steps"]) == ("interrupted", 7, 30)
    assert abs(time.time() - 60 - zero["time"]) < 5


def test_a_run_elsewhere_whose_files_are_new_runs(tmp_path: Path) -> None:
    train(project(tmp_path), age=1)
    assert states(tmp_path)["zero"]["state"] == "runs"


def test_a_lock_tells_what_runs_unless_its_owner_is_dead(  # xdist puts a test's name into its command line: no "dvc"
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    train(project(tmp_path), age=60)
    started.append(subprocess.Popen([sys.executable, "-c", SLEEP, "dvc", "repro"]))
    lock(tmp_path, started[0].pid)
    wait_for(tmp_path, "runs")
    started[0].kill()
    started[0].wait()
    assert states(tmp_path)["zero"]["state"] == "interrupted"
    lock(tmp_path, os.getpid())
    assert states(tmp_path)["zero"]["state"] == "interrupted", "its number now belongs to a process that is not DVC"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"write": {"a": 1}}', '{"write": []}'])
def test_a_half_written_lock_is_no_lock(text: str, tmp_path: Path) -> None:
    (project(tmp_path) / ROOT_LOCK).parent.mkdir(parents=True)
    (tmp_path / ROOT_LOCK).write_text(text)
    assert states(tmp_path)["zero"]["state"] == "waits"


def test_a_stage_by_hand_is_found_by_its_process_in_this_folder(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    for name in ("mine", "other"):
        train(project(tmp_path / name), age=60)
    started.append(subprocess.Popen([sys.executable, "-c", SLEEP, "stages/zero.py"], cwd=tmp_path / "mine"))
    wait_for(tmp_path / "mine", "runs")
    assert states(tmp_path / "other")["zero"]["state"] == "interrupted"


def test_a_guards_diagnosis_is_shown_until_the_stage_has_finished(tmp_path: Path) -> None:
    folder = train(project(tmp_path))
    (folder / STOPPED).write_text("stopped at step 5 of 30: the loss is nan")
    zero = states(tmp_path)["zero"]
    assert zero["state"] == "failed" and zero["diagnosis"] == "stopped at step 5 of 30: the loss is nan"
    finish(tmp_path, "base@base", "zero")
    later = time.time() + 10
    for out in ("data/models/zero", "data/rollouts/zero"):
        os.utime(tmp_path / out, (later, later))
    assert states(tmp_path)["zero"]["state"] == "done" and states(tmp_path)["zero"]["diagnosis"] is None


def test_the_curve_in_progress_goes_before_the_finished_one(tmp_path: Path) -> None:
    read = Project(project(tmp_path))
    write_curve(tmp_path / "data/plots/zero.csv", 30)
    os.utime(tmp_path / "data/plots/zero.csv", (1, 1))
    assert (found := read.curve("zero")) and found["last"] == 30
    folder = train(tmp_path, steps=3)
    assert (found := read.curve("zero")) and found["last"] == 3
    write_curve(folder / "curve.csv", 4)
    assert (found := read.curve("zero")) and found["last"] == 4
    assert read.curve("report") is None and read.curve("../zero") is None


def test_a_half_written_recipe_is_an_empty_one_for_a_moment(tmp_path: Path) -> None:
    read = Project(project(tmp_path))
    assert len(read.state()["stages"]) == 4
    (tmp_path / "dvc.yaml").write_text("stages: [")
    assert read.state()["stages"] == []
    project(tmp_path)
    assert len(read.state()["stages"]) == 4


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'torch', 'transformers', 'dvc', 'pandas', 'trl'}"
    code = f"import sys, r1.watch.server; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
