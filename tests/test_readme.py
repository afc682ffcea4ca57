"""The README's numbers are those of the committed run."""

import subprocess

import pytest

from r1.reporting.report import README_SECTIONS, between
from tests.conftest import ROOT


@pytest.mark.parametrize("name", README_SECTIONS)
def test_results_come_from_the_metrics_in_git(name: str) -> None:
    start, end = between(name)
    section = (ROOT / "README.md").read_text().partition(start)[2].partition(end)[0]
    assert section.strip() == README_SECTIONS[name](ROOT).strip(), "run `make readme`"


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "make test " in (ROOT / "README.md").read_text()
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make test"


def test_metrics_and_lock_are_in_git() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {"dvc.lock", "data/metrics/claims.json", "data/report/index.html"} <= set(tracked)
