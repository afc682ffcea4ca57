"""Time and memory of the recipe from nothing, stage by stage: alone on the machine, in a copy of this project.

python -m bench.recipe                     the default run
python -m bench.recipe profile=smoke       another one
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.project import environment, resident, starting
from tests.conftest import copy_project

EVERY = 0.5
"""Seconds between two looks at the memory."""


@dataclass
class Stage:
    """What one stage took.

    Attributes:
        name: as in dvc.yaml.
        started: seconds, of the monotonic clock.
        seconds: until the next stage started, with what DVC does in between.
        peak: bytes that DVC and all its processes held at once, at most; a page that they share counts for each.
    """

    name: str
    started: float
    seconds: float = 0.0
    peak: int = 0


def main() -> None:
    """Run everything once and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        copy_project(project)
        if sys.argv[1:]:
            compose = [sys.executable, "-m", "r1", "compose", *sys.argv[1:]]
            subprocess.run(compose, cwd=project, env=environment(project), check=True)
        stages = run(project)
    print("| stage | seconds | GiB at most |\n|---|---|---|")
    for stage in stages:
        print(f"| {stage.name} | {stage.seconds:.0f} | {stage.peak / 2**30:.1f} |")
    total, peak = sum(stage.seconds for stage in stages), max(stage.peak for stage in stages)
    print(f"| all | {total:.0f} ({total / 60:.1f} min) | {peak / 2**30:.1f} |")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{os.cpu_count()} cores, {' '.join(sys.argv[1:]) or 'the default run'}, load average {load} at the end.")


def run(project: Path) -> list[Stage]:
    """`dvc repro`, watched; its stages in the order in which they ran."""
    stages: list[Stage] = []
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=project,
        env=environment(project),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        threading.Thread(target=_watch, args=(process, stages), daemon=True).start()
        for name in starting(process):
            now = time.monotonic()
            if stages:
                stages[-1].seconds = now - stages[-1].started
            stages.append(Stage(name, now))
            print(name, file=sys.stderr, flush=True)
    if process.returncode:
        raise SystemExit("the run failed")
    stages[-1].seconds = time.monotonic() - stages[-1].started
    return stages


def _watch(process: subprocess.Popen[str], stages: list[Stage]) -> None:
    """Note the memory of DVC and the newest stage until DVC has ended."""
    while process.poll() is None:
        if stages:
            stages[-1].peak = max(stages[-1].peak, resident(process.pid))
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
