"""README and docs show the numbers of the committed run."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from r1.reporting.readme import FIGURE, HEADLINES, SECTIONS, Section, all_results, curve_source, headline_results
from tests.committed import committed
from tests.conftest import ROOT


@pytest.mark.committed
@pytest.mark.parametrize("section", SECTIONS, ids=[f"{section.document}:{section.name}" for section in SECTIONS])
def test_tables_come_from_the_metrics_in_git(section: Section) -> None:
    assert section.read((ROOT / section.document).read_text()) == section.write(committed()).strip(), (
        "run `make readme`"
    )


@pytest.mark.committed
def test_the_figure_is_drawn_from_the_curve_in_git() -> None:
    assert (ROOT / FIGURE).read_text().splitlines()[0] == curve_source(committed()), "run `make readme`"


@pytest.mark.committed
def test_the_readme_has_a_row_for_every_headline() -> None:
    rows = [line for line in headline_results(committed()).splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(HEADLINES) == 8


@pytest.mark.committed
@pytest.mark.parametrize("write", [headline_results, all_results])
def test_a_claim_that_an_older_run_lacks_says_so(write: Callable[[Path], str], tmp_path: Path) -> None:
    shutil.copytree(committed(), tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "data/seeds", ignore_errors=True)  # whose claims go before a single run's
    path = tmp_path / "data/metrics/claims.json"
    claims = json.loads(path.read_text())
    path.write_text(json.dumps([claim for claim in claims if claim["id"] != "pure_rl_improves"]))
    lines = write(tmp_path).splitlines()
    (row,) = (line for line in lines if "raises pass@1 (" in line)
    assert "not in this run" in row and not re.search(r"[+-]\d", row), "no number is invented"


def test_a_section_is_replaced_where_it_is() -> None:
    section = Section("README.md", "results", lambda _: "")
    text = "before\n<!-- results -->\nold\n<!-- /results -->\nafter"
    replaced = section.replace(text, "new\n")
    assert replaced == "before\n<!-- results -->\nnew\n<!-- /results -->\nafter"
    assert section.read(replaced) == "new"


def test_ci_calls_the_test_command_of_the_readme() -> None:
    assert "make test " in (ROOT / "README.md").read_text()
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make test"


@pytest.mark.committed
def test_metrics_and_lock_are_in_git() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {"dvc.lock", "data/metrics/claims.json", "data/report/index.html"} <= set(tracked)
