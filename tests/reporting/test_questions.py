"""The questions' part of the docs, before and after a run."""

from pathlib import Path

import pytest

from r1.reporting.questions import answers, result
from r1.support.artifacts import write_json


@pytest.fixture
def root(tmp_path: Path) -> Path:
    page = tmp_path / "docs" / "questions" / "one.md"
    page.parent.mkdir(parents=True)
    page.write_text("# Does one hold?\n\nText.\n")
    return tmp_path


def test_before_a_run_nothing_is_claimed(root: Path) -> None:
    assert result(root, "one") == "Not run yet."
    assert answers(root) == "- [Does one hold?](questions/one.md) Not run yet."


def test_after_it_the_report_and_its_figure_are_shown(root: Path) -> None:
    report = root / "data" / "questions" / "one" / "report"
    report.mkdir(parents=True)
    (report / "report.md").write_text("# Does one hold?\n\n**Yes.**\n\n![Curves](figure.svg)\n")
    write_json(report / "answer.json", {"title": "Does one hold?", "answer": "Yes.", "minutes": 3})
    assert result(root, "one") == "**Yes.**\n\n![Curves](../../data/questions/one/report/figure.svg)"
    assert answers(root) == "- [Does one hold?](questions/one.md) Yes."
