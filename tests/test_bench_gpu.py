"""The GPU benchmark: its report survives parts that fail or run again, and it runs on a CPU at toy size."""

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
def test_parts_run_at_toy_size(tmp_path: Path) -> None:
    """One part of each kind; `python -m bench.gpu --toy` runs all, in minutes."""
    to, parts = tmp_path / "gpu.md", ("machine", "trl", "shape")
    command = [sys.executable, "-m", "bench.gpu", "--toy", "--to", str(to), "--work", str(tmp_path / "work")]
    ran = subprocess.run([*command, "--parts", *parts], cwd=ROOT, capture_output=True, text=True, check=False)
    text = to.read_text()
    assert ran.returncode == 0, text
    assert all(PARTS[part] in text for part in parts)
    assert "of stock TRL's time" in text and "| seconds per step |" in text
