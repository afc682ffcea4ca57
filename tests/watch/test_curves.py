"""Curves are small, free of NaN, and read again only when they change."""

import os
from pathlib import Path
from typing import Any

import pytest

from r1.watch import curves
from r1.watch.curves import LIVE, POINTS, Curves, table
from tests.watch.projects import write_curve


def test_a_curve_has_its_columns_without_empty_ones(tmp_path: Path) -> None:
    write_curve(tmp_path / "zero.csv", 4)
    found = Curves().read(tmp_path / "zero.csv")
    assert found["last"] == 4 and found["every"] == 1
    assert found["columns"]["step"] == [1, 2, 3, 4]
    assert found["columns"]["reward"] == [0.1, 0.2, 0.3, 0.4]
    assert "kl" not in found["columns"]


@pytest.mark.parametrize("text", ["", "step,loss\n", "\n"])
def test_a_curve_without_rows_is_empty(text: str) -> None:
    assert table(text)["columns"] == {}


def test_what_is_no_number_is_unknown() -> None:
    found = table("step,loss,kl\n1,nan,0.5\n2,inf,x\n3,2\n")
    assert found["columns"] == {"step": [1, 2, 3], "loss": [None, None, 2], "kl": [0.5, None, None]}


def test_a_long_curve_is_thinned_to_means_and_ends_at_its_last_step() -> None:
    steps = 2 * POINTS + 1
    found = table("step,loss\n" + "".join(f"{n},{n}\n" for n in range(1, steps + 1)))
    assert found["every"] == 3 and len(found["columns"]["loss"]) <= POINTS
    assert found["columns"]["loss"][0] == 2 and found["columns"]["step"][0] == 3
    assert found["columns"]["step"][-1] == steps == found["last"]


def test_a_file_is_parsed_once_per_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Any] = []

    def counted(text: Any) -> Any:
        parsed.append(text)
        return table(text)

    monkeypatch.setattr(curves, "table", counted)
    reader, file = Curves(), tmp_path / "curve.csv"
    assert reader.read(file)["columns"] == {} and not parsed, "no file, no error"
    write_curve(file, 2)
    reader.read(file), reader.read(file)
    assert len(parsed) == 1
    write_curve(file, 3)
    os.utime(file, (1, 1))
    assert reader.read(file)["last"] == 3 and len(parsed) == 2


def test_the_live_curve_is_where_the_recorder_writes_it() -> None:
    from r1.training.recorder import LIVE_CURVE

    assert LIVE == LIVE_CURVE
