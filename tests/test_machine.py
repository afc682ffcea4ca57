"""What a machine has, read from fake file systems and fake programs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from r1 import machine
from r1.machine import Gpu, cgroup_cores, cgroup_memory, forbidden_userns, this_machine
from tests.conftest import ROOT

UNLIMITED = "9223372036854771712"
"""What version 1 says where there is no limit."""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("files", "memory", "cores"),
    [
        ({}, None, None),
        ({"proc/self/cgroup": "0::/"}, None, None),
        (
            {"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "max", "sys/fs/cgroup/cpu.max": "max 100000"},
            *(None, None),
        ),
        (
            {"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "4096", "sys/fs/cgroup/cpu.max": "150000 100000"},
            *(4096, 1.5),
        ),
        (  # the strictest group on the way counts
            {
                "proc/self/cgroup": "0::/slurm/job_1",
                "sys/fs/cgroup/slurm/job_1/memory.max": "8192",
                "sys/fs/cgroup/slurm/memory.max": "4096",
                "sys/fs/cgroup/slurm/job_1/cpu.max": "200000 100000",
                "sys/fs/cgroup/slurm/cpu.max": "max 100000",
            },
            *(4096, 2),
        ),
        (  # in a container the path is the host's
            {"proc/self/cgroup": "0::/docker/abc", "sys/fs/cgroup/memory.max": "4096"},
            *(4096, None),
        ),
        (
            {
                "proc/self/cgroup": "9:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n0::/",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "4096",
                "sys/fs/cgroup/cpu/docker/a/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/docker/a/cpu.cfs_period_us": "100000",
            },
            *(4096, 0.5),
        ),
        (
            {
                "proc/self/cgroup": "9:cpu:/\n4:memory:/",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": UNLIMITED,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            *(int(UNLIMITED), None),
        ),
        ({"proc/self/cgroup": "nonsense", "sys/fs/cgroup/memory.max": "nonsense"}, None, None),
    ],
)
def test_limits_of_containers_are_read(
    files: dict[str, str], memory: int | None, cores: float | None, tmp_path: Path
) -> None:
    root = write(tmp_path, files)
    assert (cgroup_memory(root), cgroup_cores(root)) == (memory, cores)


def test_what_a_container_may_use_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cgroup_memory", lambda root: 2**20)
    monkeypatch.setattr(machine, "cgroup_cores", lambda root: 0.25)
    found = this_machine()
    assert (found.memory, found.cores) == (2**20, 0.25)
    monkeypatch.setattr(machine, "cgroup_memory", lambda root: int(UNLIMITED))
    assert 2**28 < (this_machine().memory or 0) < 2**50


@pytest.mark.parametrize(
    ("files", "fix"),
    [
        ({}, None),
        ({"user/max_user_namespaces": "96365", "kernel/apparmor_restrict_unprivileged_userns": "0"}, None),
        ({"user/max_user_namespaces": "0"}, "user.max_user_namespaces=15000"),
        ({"kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=1"),
        (
            {"kernel/apparmor_restrict_unprivileged_userns": "1"},
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_the_sysctl_that_forbids_user_namespaces_is_found(
    files: dict[str, str], fix: str | None, tmp_path: Path
) -> None:
    assert forbidden_userns(write(tmp_path, {f"proc/sys/{name}": text for name, text in files.items()})) == fix


@pytest.mark.parametrize(
    ("script", "gpus", "problem"),
    [
        (
            'echo "NVIDIA H100 80GB HBM3, 81559, 550.54.15"; echo "NVIDIA GB10, [N/A], 580.65.06"',
            *((Gpu("NVIDIA H100 80GB HBM3", 81559, "550.54.15"), Gpu("NVIDIA GB10", None, "580.65.06")), None),
        ),
        ('echo "Failed to initialize NVML: Driver/library version mismatch"; exit 18', (), "library version mismatch"),
        ("exit 9", (), "exit status 9"),
        ("exec sleep 30", (), "timed out"),
        ("", (), None),
    ],
)
def test_gpus_are_what_nvidia_smi_says(
    script: str, gpus: tuple[Gpu, ...], problem: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(machine, "_SECONDS", 1)
    found = this_machine()
    assert found.gpus == gpus
    assert found.gpu_problem is None if problem is None else problem in str(found.gpu_problem)


def test_without_nvidia_smi_a_torch_built_for_gpus_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "_ASK_TORCH", "print('NVIDIA L4, 23034')")
    monkeypatch.setattr(machine, "_packages", lambda: {"torch": "2.13.0"})
    assert this_machine().gpus == (Gpu("NVIDIA L4", 23034, None),)
    monkeypatch.setattr(machine, "_packages", lambda: {"torch": "2.13.0+cpu"})
    assert this_machine().gpus == ()


@pytest.mark.parametrize("options", [[], ["-S"]], ids=["installed", "nothing installed"])
def test_the_doctor_ends_in_seconds_on_a_bare_machine(options: list[str], tmp_path: Path) -> None:
    """No program to be found, and with -S no package: before setup it must report that instead of crashing."""
    started = time.monotonic()
    command = [sys.executable, *options, "-m", "r1.doctor"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert time.monotonic() - started < 10
    assert done.returncode == (1 if options else 0), done.stdout + done.stderr
    assert "is not installed; needed by code=formulas" in done.stdout
    assert ("not installed yet" in done.stdout) == bool(options)
    assert done.stderr == ""


def test_the_doctor_leaves_torch_alone() -> None:
    code = "import sys, r1.machine as m; m.this_machine(); sys.exit('torch' in sys.modules or 'vllm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
