"""The notebook runs from top to bottom, with fewer steps than a reader's, and is committed without outputs."""

import json
from typing import Any

import matplotlib
import pandas as pd
import pytest

from tests.conftest import ROOT

NOTEBOOK = ROOT / "docs" / "tutorial" / "r1_zero_in_a_minute.ipynb"
CELLS: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text())["cells"]
FEWER = "PRETRAINING_STEPS, RL_STEPS = 40, 4"


def source(cell: dict[str, Any]) -> str:
    return FEWER if "parameters" in cell["metadata"].get("tags", []) else "".join(cell["source"])


def test_it_is_committed_without_outputs() -> None:
    code = [cell for cell in CELLS if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len([cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]) == 1


@pytest.mark.slow
def test_its_cells_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process: the test environment has no Jupyter."""
    matplotlib.use("agg")
    monkeypatch.chdir(NOTEBOOK.parent)
    names: dict[str, Any] = {}
    for number, cell in enumerate(CELLS):
        if cell["cell_type"] == "code":
            exec(compile(source(cell), f"{NOTEBOOK.name}, cell {number}", "exec"), names)
    assert isinstance(names["curve"], pd.DataFrame) and len(names["curve"]) == 4
    assert len(names["axes"]) == 3 and all(axis.lines for axis in names["axes"])
    assert "<think>" in capsys.readouterr().out
