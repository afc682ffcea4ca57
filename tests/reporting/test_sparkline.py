"""Curves on the terminal show the trend, whatever was logged."""

from pathlib import Path

import pytest

from r1.reporting.sparkline import curve_table, sparkline


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([0, 1, 2, 3], 40, "▁▃▆█"),
        ([3, 2, 1, 0], 40, "█▆▃▁"),
        ([5, 5, 5], 40, "▁▁▁"),
        ([7], 40, "▁"),
        ([0, 2, 10, 12], 2, "▁█"),
        ([0, 0, 0, 0, 9], 2, "▁█"),
    ],
)
def test_blocks_follow_the_means(values: list[float], width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn


@pytest.mark.parametrize(
    ("csv", "names", "ends"),
    [
        ("step,loss,reward\n1,0.1,0.25\n2,0.1,nan\n3,0,1.5\n", ["reward"], ["0.25", "1.5"]),
        ("step,loss\n1,4\n2,2\n", ["loss"], ["4", "2"]),
        (
            "step,rewards/mine.once/mean,rewards/mine.once/std,rewards/format_reward/mean,reward\n1,0.5,9,1,1.5\n",
            ["reward", "mine.once", "format"],
            ["1.5", "0.5", "1", "1.5", "0.5", "1"],
        ),
    ],
)
def test_a_curve_has_a_line_per_column_that_says_something(
    csv: str, names: list[str], ends: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "zero.csv"
    path.write_text(csv)
    table = curve_table(path)
    assert table is not None
    first, _, *numbers = ([str(cell) for cell in column.cells] for column in table.columns)
    assert first == names and [number for column in numbers for number in column] == ends


@pytest.mark.parametrize("csv", ["step,loss\n", "step,accuracy\n1,0.5\n"])
def test_nothing_logged_draws_nothing(csv: str, tmp_path: Path) -> None:
    path = tmp_path / "zero.csv"
    path.write_text(csv)
    assert curve_table(path) is None
