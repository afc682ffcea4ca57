"""`python -m r1 variant --to DIR zero.learning_rate=2e-4`: the recipe with other parameters, in a workspace of its own.

A workspace is a copy of the recipe's files with its own params.yaml, and shares the project's DVC cache. DVC's run
cache therefore restores every stage whose code, inputs and parameters some run had before, this project's included.
A killed variant continues in its workspace, from the last checkpoint.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from r1.pipeline.compose import PARAMS, check_given_once, load_values, write_params
from r1.support.artifacts import write_aside, write_text
from r1.support.errors import UserError

WORKSPACES = Path("data/.workspaces")
FILES = ("dvc.yaml", ".dvcignore", "r1", "stages", "conf", "data/external")
"""What a recipe needs besides params.yaml and plugins; dvc.yaml's dependencies are in these or made by its stages."""
LINKED = "models"
"""Checkpoints that users keep in the project; too large to copy, and no dependency."""
RESULTS = ("data/metrics", "data/plots", "data/evaluations")
"""What a variant hands over: everything that claims and curves need, and no model."""
_CLOCK = "throughput"
"""Results that depend on the clock, which would make equal variants look different."""
_CONFIG = """\
[core]
    no_scm = True
    analytics = False
    check_update = False
[cache]
    dir = {cache}
"""
_PARENT = ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_BASELINE_REV", "DVC_EXP_NAME")
"""What DVC tells its commands of the run they belong to, which is not ours."""


def run_variant(to: Path, overrides: Sequence[str], targets: Sequence[str] = ()) -> None:
    """Run the recipe of the current directory with overrides, and hand over its results.

    Args:
        to: folder for the results, with the variant's params.yaml. If it exists, it is empty or has the results of
            an earlier variant; replaced as a whole, and only if all went well.
        overrides: dotted overrides of params.yaml.
        targets: stages of dvc.yaml to run, with those they depend on; all if empty.

    Raises:
        ConfigurationError: if an override is malformed, unknown or impossible; nothing is started.
        UserError: if `to` is not such a folder, or the nested run fails.
    """
    check_given_once(overrides)
    params = load_values(overrides)
    _check_folder(to)
    workspace = WORKSPACES / _name(to)
    _fill(workspace, params)
    write_text(workspace / ".dvc/config", _CONFIG.format(cache=_cache()))
    _repro(workspace, targets)
    with write_aside(to) as directory:
        shutil.copy2(workspace / PARAMS, directory)
        for folder in RESULTS:
            if (workspace / folder).is_dir():
                _copy(workspace / folder, directory / Path(folder).name, _CLOCK)


def _check_folder(to: Path) -> None:
    """Before the run, which takes long: whether its results can be put there, and nothing else is lost.

    Raises:
        UserError: if not.
    """
    if not to.name:
        raise UserError(f"--to {str(to)!r}: must be a folder of its own, such as ../seed_3")
    if to.exists():
        ours = {PARAMS.name, *(Path(folder).name for folder in RESULTS)}
        found = {path.name for path in to.iterdir()} if to.is_dir() else set()
        if not to.is_dir() or (found and (PARAMS.name not in found or found - ours)):
            raise UserError(f"--to {to}: exists and is not the folder of an earlier variant; choose another")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=to.parent):
            pass
    except OSError as error:
        raise UserError(f"--to {to}: {to.parent} cannot be written to ({error.strerror})") from None


def _name(to: Path) -> str:
    """A workspace per target folder, so that two variants never share one."""
    digest = hashlib.sha256(str(to.resolve()).encode()).hexdigest()
    return f"{to.name}-{digest[:8]}"


def _fill(workspace: Path, params: Mapping[str, Any]) -> None:
    """Copy the recipe's files into a workspace, over those of an earlier run, whose results stay."""
    plugins = [] if Path(params["plugins"]).is_absolute() else [params["plugins"]]  # found from anywhere
    for name in (*FILES, *plugins):
        source, target = Path(name), workspace / name
        if target.is_dir():
            shutil.rmtree(target)
        if source.is_dir():
            _copy(source, target, "__pycache__")
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    if Path(LINKED).is_dir() and not (workspace / LINKED).exists():
        (workspace / LINKED).symlink_to(Path(LINKED).resolve())
    write_params(dict(params), workspace / PARAMS)


def _copy(source: Path, target: Path, without: str) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(without))


def _cache() -> Path:
    """The project's DVC cache, wherever it is configured."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"],
        env=_environment(Path()),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"no DVC cache to share: {done.stderr.strip() or done.stdout.strip()}")
    return Path(done.stdout.strip().splitlines()[-1]).resolve()


def _repro(workspace: Path, targets: Sequence[str]) -> None:
    """Run `dvc repro` in the workspace; its output is ours, and so are the signals that end this process.

    DVC forwards none to its command, so all processes of the run get them.

    Raises:
        UserError: if it fails; it has said why.
    """
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    with subprocess.Popen(command, cwd=workspace, env=_environment(workspace), process_group=0) as running:

        def forward(number: int, _: object) -> None:
            os.killpg(running.pid, number)

        before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = running.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if code:
        raise UserError(f"`dvc repro` in {workspace} failed, its error is above; the same command continues it")


def _environment(workspace: Path) -> dict[str, str]:
    """This process's environment, with the workspace's library and this interpreter first."""
    kept = {key: value for key, value in os.environ.items() if key not in _PARENT}
    path = os.pathsep.join(filter(None, (str(workspace.resolve()), kept.get("PYTHONPATH"))))
    commands = os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", os.defpath)))
    return {**kept, "PYTHONPATH": path, "PATH": commands}
