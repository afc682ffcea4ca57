"""`dvc exp run --queue` runs the code that it records, whatever becomes of the workspace in the meantime."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import copy_project

pytestmark = pytest.mark.slow

RECIPE = """
stages:
  probe:
    cmd: python -m r1 launch stages/probe.py
    deps: [stages/probe.py, r1/support/probe.py]
    params: [seed]
    outs: [{said.txt: {cache: false}}]
"""
STAGE = '''"""Say which code runs."""

from dataclasses import dataclass

from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    """The seed."""


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.support import probe

    Path("said.txt").write_text(f"{probe.CODE} {run.config.seed} {probe.__file__}")


if __name__ == "__main__":
    main()
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one stage that does nothing, committed."""
    project = tmp_path / "project"
    copy_project(project)
    shutil.rmtree(project / "experiments")  # DVC reads their recipes and locks too
    (project / "dvc.yaml").write_text(RECIPE)
    (project / "stages/probe.py").write_text(STAGE)
    (project / "r1/support/probe.py").write_text('CODE = "queued"\n')
    call(project, "git", "add", "-A")
    call(project, "git", "commit", "-qm", "probe")
    return project


def call(project: Path, *command: str) -> str:
    """Run a command with the workspace's root on Python's path, as .venv has it; its output."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(project),
        **{f"GIT_{who}_{what}": "t@t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stdout


def test_a_queued_experiment_runs_the_code_it_was_queued_with(project: Path) -> None:
    queue = ("dvc", "exp", "run", "--queue", "--name")
    call(project, *queue, "reward", "-S", "seed=3", "-S", "rl.algorithm.extra_rewards.len_reward=0.5")
    (project / "r1/support/probe.py").write_text('CODE = "workspace"\n')
    call(project, *queue, "later", "-S", "seed=4")
    (project / "r1/support/probe.py").write_text('raise RuntimeError("the workspace runs")\n')
    call(project, "dvc", "exp", "run", "--run-all")
    said = {
        name: call(project, "git", "show", f"{exp(project, name)}:said.txt").split() for name in ("reward", "later")
    }
    assert [said[name][:2] for name in said] == [["queued", "3"], ["workspace", "4"]]
    assert all(f"{project}/.dvc/tmp/exps/" in path for *_, path in said.values())
    params = call(project, "git", "show", f"{exp(project, 'reward')}:params.yaml")
    assert "len_reward: 0.5" in params


def exp(project: Path, name: str) -> str:
    """The commit of an experiment."""
    refs = call(project, "git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    return next(ref for ref in refs if ref.endswith(f"/{name}"))
