"""README and docs show the numbers of the committed run."""

import subprocess
from pathlib import Path

import pytest

from r1.reporting.readme import FIGURE, HEADLINES, SECTIONS, Section, curve_source, headline_results
from tests.conftest import ROOT

SOURCES = ("data/metrics", "data/plots/zero.csv", "params.yaml", "experiments/smollm2")


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the documents are made from, as it is in git: the working tree may hold another run."""
    folder = tmp_path_factory.mktemp("committed")
    archive = subprocess.run(["git", "archive", "HEAD", *SOURCES], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
    return folder


@pytest.mark.committed
@pytest.mark.parametrize("section", SECTIONS, ids=[f"{section.document}:{section.name}" for section in SECTIONS])
def test_tables_come_from_the_metrics_in_git(section: Section, committed: Path) -> None:
    assert section.read((ROOT / section.document).read_text()) == section.write(committed).strip(), "run `make readme`"


@pytest.mark.committed
def test_the_figure_is_drawn_from_the_curve_in_git(committed: Path) -> None:
    assert (ROOT / FIGURE).read_text().splitlines()[0] == curve_source(committed), "run `make readme`"


@pytest.mark.committed
def test_the_readme_has_five_results(committed: Path) -> None:
    rows = [line for line in headline_results(committed).splitlines() if line.startswith("|")][2:]
    assert len(rows) == len(HEADLINES) == 5


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
