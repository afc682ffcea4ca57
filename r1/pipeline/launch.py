"""`python -m r1 launch stages/zero.py`: run a stage with the configured launcher.

dvc.yaml calls it, so that the launcher is not part of a stage's command: changing it does not re-run finished stages.
"""

import os
import runpy
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from r1.config.launcher import AccelerateConfig, LauncherConfig, LocalConfig
from r1.pipeline.compose import check_given_once, load
from r1.pipeline.preflight import require_machine
from r1.pipeline.run import TrainingSections
from r1.support.code import ROOT
from r1.support.errors import UserError

_JOB = (
    *("sbatch", "--wait", "--job-name=r1", "--dependency=singleton", "--output=slurm-%j.log"),
    *("--exclusive", "--mem=0"),
)
"""Submit one job at a time, on whole nodes with all their memory, and wait for it."""


def launch(script: str, overrides: Sequence[str], dry_run: bool) -> None:
    """Replace this process with the stage, or print the command that would run it.

    Args:
        script: the stage's script, such as stages/zero.py.
        overrides: dotted overrides, passed to the stage; those of `launcher` also apply here.
        dry_run: only print the command.

    Raises:
        UserError: if there is no such stage, or the launcher's program is not installed.
        ConfigurationError: if the configuration is invalid; nothing is started.
        MachineUnfit: if this machine's GPUs cannot run the stage.
    """
    stages = sorted(Path("stages").glob("*.py"))
    if Path(script).resolve() not in [path.resolve() for path in stages]:
        raise UserError(f"{script}: no such stage; available: {', '.join(map(str, stages))}")
    check_given_once(overrides)
    config = load(overrides)
    command = [*prefix(config.launcher, script), script, *overrides]
    if dry_run:
        print(shlex.join(command))
        return
    require_machine(config, Path(script).stem)
    # This project precedes an installed one: DVC runs experiments in copies of the project.
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    try:
        os.execvpe(command[0], command, {**os.environ, "PYTHONPATH": path})
    except FileNotFoundError:
        raise UserError(f"{command[0]} is not installed on this machine: choose another launcher") from None


def prefix(launcher: LauncherConfig, script: str) -> list[str]:
    """Command prefix for a script: Python, accelerate with its processes, or a Slurm job that runs either."""
    main = runpy.run_path(script)["main"]
    trains = issubclass(main.reads, TrainingSections)
    if isinstance(launcher, LocalConfig) or not (trains or main.samples):
        return [sys.executable]
    if isinstance(launcher, AccelerateConfig):
        return [*_accelerate(launcher), "--num_processes", str(launcher.num_processes)] if trains else [sys.executable]
    nodes = launcher.nodes if trains else 1
    job = [*_JOB, f"--nodes={nodes}", "--ntasks-per-node=1", f"--gpus-per-node={launcher.gpus_per_node}"]
    inside = ["accelerate", "launch", *_configured(launcher)] if trains else ["python"]
    return [*job, "conf/launcher/slurm.sh", *inside]


def _accelerate(launcher: LauncherConfig) -> list[str]:
    return [sys.executable, "-m", "accelerate.commands.launch", *_configured(launcher)]


def _configured(launcher: LauncherConfig) -> list[str]:
    return ["--config_file", f"conf/accelerate/{launcher.sharding}.yaml"]
