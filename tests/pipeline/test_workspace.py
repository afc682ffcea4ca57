"""Variants of a recipe, on one of two stages that count how often they run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from r1.pipeline.workspace import _check_folder
from r1.support.errors import UserError
from tests.conftest import ROOT

DVC = """
stages:
  draw:
    cmd: python stages/draw.py
    deps: [stages/draw.py, data/external]
    params: [seed]
    outs: [data/models/drawn.txt]
    metrics: [data/metrics/draw.json: {cache: false}]
  judge:
    cmd: python stages/judge.py
    deps: [stages/judge.py, data/models/drawn.txt]
    params: [report]
    outs: [data/evaluations/drawn]
    plots: [data/plots/judge.csv: {cache: false}]
"""
COMMON = """
import os, sys, time, yaml
from pathlib import Path
import r1
assert Path(r1.__file__).parent.parent == Path.cwd(), "the workspace's library"
assert "outer" not in (os.environ.get("DVC_STAGE"), os.environ.get("DVC_ROOT")), "another run's"
with open(os.environ["COUNTER"], "a") as counter:
    counter.write(Path(__file__).stem + "\\n")
params = yaml.safe_load(Path("params.yaml").read_text())
Path("data/metrics/throughput").mkdir(parents=True, exist_ok=True)
Path("data/metrics/throughput/x.json").write_text(str(time.time()))
"""
DRAW = (
    COMMON
    + """
Path("data/models").mkdir(parents=True, exist_ok=True)
Path("data/models/drawn.txt").write_text(str(params["seed"]))
Path("data/metrics/draw.json").write_text("{}")
"""
)
JUDGE = (
    COMMON
    + """
if params["seed"] == 666:
    sys.exit("judge does not like 666")
if params["seed"] == 777:
    print("judge waits", flush=True)
    time.sleep(60)
Path("data/evaluations/drawn").mkdir(parents=True, exist_ok=True)
Path("data/evaluations/drawn/seed.txt").write_text(Path("data/models/drawn.txt").read_text())
Path("data/plots").mkdir(parents=True, exist_ok=True)
Path("data/plots/judge.csv").write_text("step,reward\\n1,0\\n")
"""
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose own recipe has run, with seed 17."""
    project = tmp_path_factory.mktemp("project")
    for name, text in {
        "dvc.yaml": DVC,
        ".dvc/config": "[core]\n    no_scm = True\n    analytics = False\n",
        ".dvcignore": (ROOT / ".dvcignore").read_text(),
        "params.yaml": (ROOT / "params.yaml").read_text(),
        "r1/__init__.py": "",
        "stages/draw.py": DRAW,
        "stages/judge.py": JUDGE,
        "data/external/README.md": "none",
        "plugins/README.md": "none",
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    run(project, [sys.executable, "-m", "dvc", "repro"], {"PYTHONPATH": str(project)})
    assert ran(project) == ["draw", "judge"]
    return project


def run(project: Path, command: list[str], environment: dict[str, str] | None = None, code: int = 0) -> str:
    done = subprocess.run(
        command, cwd=project, env=environ(project) | (environment or {}), capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def environ(project: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return {**os.environ, "COUNTER": str(project / "counter"), "PATH": path}


def command(to: str, *overrides: str) -> list[str]:
    """`python -m r1 variant`, with this project's library although the fake project has one by that name."""
    main = f"import sys; sys.path[0] = {str(ROOT)!r}; from r1.pipeline.cli import main; main()"
    return [sys.executable, "-c", main, "variant", "--to", to, *overrides]


def ran(project: Path) -> list[str]:
    """Stages that ran since the last call."""
    counter = project / "counter"
    stages = counter.read_text().split() if counter.is_file() else []
    counter.unlink(missing_ok=True)
    return stages


@pytest.mark.parametrize("files", [(), ("params.yaml",), ("params.yaml", "metrics/a.json", "plots/a", "evaluations/a")])
def test_results_go_to_a_new_folder_or_replace_a_variants(files: tuple[str, ...], tmp_path: Path) -> None:
    for name in files:
        (tmp_path / "to" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "to" / name).touch()
    _check_folder(tmp_path / "to")
    _check_folder(tmp_path / "new" / "to")


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("", "must be a folder of its own"),
        (".", "must be a folder of its own"),
        ("..", "is not the folder of an earlier variant"),
        ("mine", "mine: exists and is not the folder of an earlier variant; choose another"),
        ("project", "is not the folder of an earlier variant"),
        ("file", "is not the folder of an earlier variant"),
        ("file/to", "cannot be written to"),
        ("/proc/to", "cannot be written to"),
    ],
)
def test_nothing_else_is_replaced(to: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("file", "mine/notes", "project/params.yaml", "project/dvc.yaml"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=message):
        _check_folder(Path(to))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_a_variant_runs_what_differs_and_restores_the_rest(project: Path) -> None:
    outer = {"DVC_STAGE": "outer", "DVC_ROOT": "outer"}
    run(project, command("data/same"), outer)
    assert ran(project) == [], "the project's own run is in the run cache"
    assert (project / "data/same/evaluations/drawn/seed.txt").read_text() == "17"

    run(project, command("data/other", "report.mixing_bound=0.5", "seed=17"), outer)
    assert ran(project) == ["judge"]
    assert (project / "data/other/metrics/draw.json").is_file() and (project / "data/other/plots/judge.csv").is_file()
    params = yaml.safe_load((project / "data/other/params.yaml").read_text())
    before = yaml.safe_load((project / "params.yaml").read_text())
    assert params["report"].pop("mixing_bound") == 0.5 and before["report"].pop("mixing_bound") != 0.5
    assert params == before
    assert sorted(path.name for path in (project / "data/other").iterdir()) == [
        "evaluations", "metrics", "params.yaml", "plots"
    ]  # fmt: skip
    assert not (project / "data/other/metrics/throughput").exists(), "its times would make equal results differ"

    run(project, command("data/third", "report.mixing_bound=0.5"), outer)
    assert ran(project) == [], "another variant has run it"


@pytest.mark.slow
def test_targets_are_run_alone(project: Path) -> None:
    run(project, command("data/target", "--target", "draw", "seed=18"))
    assert ran(project) == ["draw"]
    assert (project / "data/target/metrics").is_dir() and not (project / "data/target/evaluations").exists()


@pytest.mark.slow
def test_a_failed_stage_leaves_no_output(project: Path) -> None:
    said = run(project, command("data/failed", "seed=666"), code=1)
    assert "judge does not like 666" in said and "failed, its error is above" in said
    assert not list((project / "data").glob("*failed*"))


@pytest.mark.slow
def test_a_killed_variant_leaves_no_output_and_continues(project: Path) -> None:
    ran(project)
    with subprocess.Popen(
        command("data/killed", "seed=777"), cwd=project, env=environ(project), stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert any("judge waits" in line for line in running.stdout), "its output is shown as it comes"
        running.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert running.wait(30) == 1
        assert time.monotonic() - started < 30, "the stage, which would sleep for a minute, is ended too"
    assert not list((project / "data").glob("*killed*"))
    script = project / "stages/judge.py"
    script.write_text(JUDGE.replace("777", "778"))
    try:
        ran(project)
        run(project, command("data/killed", "seed=777"))
    finally:
        script.write_text(JUDGE)
    assert ran(project) == ["judge"], "draw had finished"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("zero.max_step=3", "zero: unknown key 'max_step'"),
        ("zero.learning_rate=-1", "zero.learning_rate = -1"),
        ("seed=1,2", "seed=1,2"),
        ("profile=smoke2/x", "profile"),
        ("model", "'model' is not an override"),
    ],
)
def test_an_impossible_override_fails_at_once(project: Path, override: str, said: str) -> None:
    before = set((project / "data/.workspaces").glob("*"))
    assert said in run(project, command("data/wrong", override), code=1)
    assert set((project / "data/.workspaces").glob("*")) == before and not (project / "data/wrong").exists()
