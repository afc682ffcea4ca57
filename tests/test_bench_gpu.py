"""The GPU benchmark: its report survives parts that fail or run again, and all of it runs on a CPU at toy size."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.gpu.__main__ import PARTS, report
from tests.conftest import ROOT


def test_a_part_replaces_only_its_own_table() -> None:
    text = ""
    for part in ("shape", "machine", "resume"):
        text = report(text, part, f"table of {part}", 1.0, toy=False)
    again = report(text, "shape", "FAILED:\n\n```text\nno memory\n```", 2.0, toy=False)
    assert [again.index(PARTS[part]) for part in ("machine", "resume", "shape")] == sorted(
        again.index(PARTS[part]) for part in ("machine", "resume", "shape")
    )
    assert "table of shape" not in again
    assert "no memory" in again
    assert all(f"table of {part}" in again for part in ("machine", "resume"))
    assert report(again, "shape", "table of shape", 1.0, toy=False) == text


def test_an_unknown_part_is_refused() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.gpu", "--parts", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "invalid choice: 'nothing'" in ran.stderr


@pytest.mark.slow
def test_all_parts_run_at_toy_size(tmp_path: Path) -> None:
    to = tmp_path / "gpu.md"
    command = [sys.executable, "-m", "bench.gpu", "--toy", "--to", str(to), "--work", str(tmp_path / "work")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    text = to.read_text()
    assert ran.returncode == 0, text
    assert all(title in text for title in PARTS.values())
    assert "NOT RESUMED" not in text
    assert "steps in the curve | 4 of 4" in text
    assert "largest difference of a loss from the undisturbed run | 0 |" in text
    assert "of stock TRL's time" in text
