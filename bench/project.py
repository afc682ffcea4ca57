"""A copy of this project for benchmarks: environment, stages as they run; the smoke DAG to break or compare."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import yaml

from r1.support.artifacts import BrokenArtifact, check_whole
from tests.conftest import copy_project


def environment(root: Path) -> dict[str, str]:
    """Of commands in a copy: its own library comes first, and this Python's programs."""
    return {
        **os.environ,
        "PYTHONPATH": str(root),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def starting(process: subprocess.Popen[str]) -> Iterator[str]:
    """Names of the stages that `dvc repro` runs, each as it starts; the rest of its output is dropped."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Running stage"):
            yield line.split("'")[1]


def resident(pid: int) -> int:
    """Bytes that a process and all its descendants hold; a page that they share counts for each. 0 if it has ended."""
    held = 0
    try:
        top = psutil.Process(pid)
        family = [top, *top.children(recursive=True)]
    except psutil.Error:
        return 0
    for one in family:
        try:
            held += one.memory_info().rss
        except psutil.Error:  # ended meanwhile
            continue
    return held


class Project:
    """A copy of this project in which the smoke DAG has run undisturbed.

    Attributes:
        root: directory of the copy.
        seconds: run time of each stage.
        lock: dvc.lock after the run.
        expected: hash of every output, by path.
    """

    def __init__(self, root: Path, *overrides: str) -> None:
        """Copy the project to `root` and run the smoke DAG there, with overrides of the smoke profile."""
        self.root = root
        copy_project(root)
        self.environment = environment(root)
        self.run("python", "-m", "r1", "compose", "profile=smoke", *overrides)
        self.seconds = self._first_run()
        self.lock = (root / "dvc.lock").read_text()
        self.expected = self.outputs()

    def _first_run(self) -> dict[str, float]:
        """Run everything once; return the run time of each stage in seconds."""
        seconds: dict[str, float] = {}
        stage, started = "", time.perf_counter()
        with self.start("dvc", "repro") as process:
            for name in starting(process):
                seconds[stage], started = time.perf_counter() - started, time.perf_counter()
                stage = name
                print(f"undisturbed: {stage}", file=sys.stderr, flush=True)
        seconds[stage] = time.perf_counter() - started
        if process.returncode:
            raise SystemExit("the undisturbed run failed")
        return seconds

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in its own session, with stderr merged into stdout."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command; return its exit code and output."""
        with self.start(*command) as process:
            output = process.communicate()[0]
        return process.returncode, output

    def stages(self) -> dict[str, Any]:
        """Stages in dvc.lock."""
        return dict(yaml.safe_load((self.root / "dvc.lock").read_text())["stages"])

    def outs(self, stage: str) -> list[str]:
        """Paths that a stage writes."""
        return [out["path"] for out in yaml.safe_load(self.lock)["stages"][stage]["outs"]]

    def outputs(self) -> dict[str, str]:
        """Hash of every output that does not depend on the clock."""
        return {
            out["path"]: out["md5"]
            for stage in self.stages().values()
            for out in stage["outs"]
            if "throughput" not in out["path"]
        }

    def restore_lock(self) -> bool:
        """Restore dvc.lock, as a user would from git, if a kill truncated it: DVC rewrites it in place."""
        try:
            whole = "stages" in (yaml.safe_load((self.root / "dvc.lock").read_text()) or {})
        except yaml.YAMLError:
            whole = False
        if not whole:
            (self.root / "dvc.lock").write_text(self.lock)
        return not whole

    def forget(self, stage: str) -> None:
        """Delete all traces of a stage's run: outputs, checkpoints, its entry in dvc.lock, DVC's run cache."""
        self.restore_lock()
        for path in (*self.outs(stage), "data/.checkpoints"):
            remove(self.root / path)
        locked = yaml.safe_load((self.root / "dvc.lock").read_text())
        locked["stages"].pop(stage, None)
        (self.root / "dvc.lock").write_text(yaml.safe_dump(locked, sort_keys=False))
        remove(self.root / ".dvc/cache/runs")

    def half_written(self) -> list[str]:
        """Artifacts that exist but are incomplete."""
        broken = []
        for path in {out for stage in yaml.safe_load(self.lock)["stages"] for out in self.outs(stage)}:
            if (self.root / path).is_dir():
                try:
                    check_whole(self.root / path)
                except BrokenArtifact as error:
                    broken.append(str(error))
        return broken

    def resume(self, stage: str) -> str:
        """Run `dvc repro` of the stage; return what was lost, or an empty string."""
        self.restore_lock()
        code, output = self.run("dvc", "repro", stage)
        if code:
            return f"dvc repro failed: {output[-300:]}"
        differ = [path for path, digest in self.outputs().items() if self.expected[path] != digest]
        missing = sorted(set(self.expected) - set(self.outputs()))
        broken = self.half_written()
        return ", ".join([f"{path} differs" for path in differ] + [f"{path} is missing" for path in missing] + broken)


def remove(path: Path) -> None:
    """Delete a file or a directory, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
