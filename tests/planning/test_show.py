"""What `plan` prints can be read on a terminal of 80 columns, and in a pipe."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.cells import cell_len

from r1.planning.hardware import DEVICES
from r1.planning.plan import Cluster, plan
from r1.planning.published import checks
from r1.planning.recipe import Recipe
from r1.planning.show import show_checks, show_plan
from tests.conftest import PROFILES, ROOT, chosen, compose

ON_CPU = ("miniature", "minute", "smoke", "smollm2")


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")


def assert_readable(printed: str, names: set[str], tables: int) -> None:
    """No cell is cut, no line is too long, and in every table each name stands in one line."""
    assert "…" not in printed
    assert [line for line in printed.splitlines() if cell_len(line.rstrip()) > 80] == []
    first = Counter(line.strip().split("  ")[0] for line in printed.splitlines())
    assert {name for name in names if first[name] < tables} == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_a_plan_fits_80_columns(profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, device = compose(*chosen(profile, tmp_path)), DEVICES["cpu" if profile in ON_CPU else "h100"]
    costs = plan(Recipe(config).stages(), Cluster(device, 1, "ddp"))
    show_plan(config, "cpu" if profile in ON_CPU else "h100", None, None, 0.5, 128, force=True)
    assert_readable(capsys.readouterr().out, {cost.name for cost in costs}, tables=3)


def test_a_plan_of_thousands_of_devices_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    config = compose("profile=cluster", "zero.max_steps=100000", "reasoning_rl.max_steps=100000")
    show_plan(config, "h100", 4096, "fsdp2", 1.0, 128, force=True)
    assert_readable(capsys.readouterr().out, {"evaluate_base_llama", "rejection_sampling"}, tables=3)


def test_the_checks_fit_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_checks()
    assert_readable(capsys.readouterr().out, {check.name for check in checks()}, tables=1)


@pytest.mark.parametrize("arguments", [[], ["--checks"]], ids=["plan", "checks"])
def test_a_pipe_gets_80_columns(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    command = [sys.executable, "-m", "r1", "plan", *arguments]
    shown = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    assert_readable(shown, {"zero", "reasoning_rl"}, tables=1)


@pytest.mark.parametrize("profile", ["miniature", "gpu"])
def test_memory_has_its_unit_in_the_title(profile: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(compose(f"profile={profile}"), "cpu" if profile in ON_CPU else "h100", None, None, 0.5, 128, force=False)
    unit = "[MB], 23,193 of 25,770 MB" if profile in ON_CPU else "[GB], 72 of 80 GB"
    assert f"Memory per device {unit} usable" in capsys.readouterr().out
