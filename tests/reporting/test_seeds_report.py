"""The report over seeds, from folders as `python -m r1 variant` writes them."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from r1.evaluation.seeds import CannotCombine
from r1.recipe import MODELS, runs
from r1.reporting.readme import control_results, headline_results, over_seeds, seeds_results
from r1.reporting.seeds import CLAIMS, RUNS, UNDECIDING, deciding, read_seeds, render_seeds
from r1.support.artifacts import write_json
from tests.conftest import ROOT, compose
from tests.evaluation.test_claims import by_budget, table

CONFIG = compose("evaluate.bootstrap_resamples=50")
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
SEEDS = (17, 1017, 2017)


def write_run(folder: Path, seed: int) -> None:
    for number, model in enumerate(MODELS):
        evaluation = folder / "evaluations" / model
        evaluation.mkdir(parents=True)
        table(number + seed, pass_at_1=0.1 * number + seed / 1e5).to_parquet(evaluation / "problems.parquet")
        if model in CONFIG.evaluate.thinking.models:
            by_budget(0.1, 0.1 + 0.1 * number).to_parquet(evaluation / "budgets.parquet")
        if model in CONFIG.evaluate.intervention.models:
            table(number, reflection_rate=0.0).to_parquet(evaluation / "without_words_problems.parquet")
    for number, run in enumerate(runs()):
        write_json(folder / f"metrics/{run}.json", {"flops": 1e9 * (number + 1)})
    curve = pd.DataFrame({"step": [1, 2, 3], "reward": [0.1, 0.2, seed / 2017], "reflection_rate": 0.1})
    (folder / "plots").mkdir()
    curve.assign(**{"completions/mean_length": 20.0}).to_csv(folder / "plots/zero.csv", index=False)
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS | {"seed": seed}))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for seed in SEEDS:
        write_run(tmp_path / RUNS / str(seed), seed)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    return tmp_path


def test_the_page_shows_seeds_models_claims_and_curves(project: Path) -> None:
    seeds = read_seeds(project / RUNS, CONFIG.report, CONFIG.evaluate)
    assert seeds.values["seeds"] == list(SEEDS), "in the order of numbers"
    assert list(seeds.values["models"]) == list(MODELS) and set(seeds.values["models"]["r1"]) == {
        "train", "hard", "transfer"
    }  # fmt: skip
    render_seeds(seeds, CONFIG.evaluate, project)
    page, text = (project / "index.html").read_text(), (project / "report.md").read_text()
    assert page.count("<svg") == 1 and 'src="http' not in page and 'href="http' not in page
    for shown in (page, text):
        assert "17, 1017, 2017" in shown and "seed 1017" in shown and "crude outer bootstrap" in shown
        assert f"of {3 * len(seeds.values['claims'])} verdicts of single seeds differ" in shown
    (row,) = (line for line in text.splitlines() if line.startswith("| Pure RL from the base"))
    assert row.count("points [") == 4 and "| 0 of 3 |" in row
    (row,) = (line for line in text.splitlines() if line.startswith("| r1 |"))
    assert row.count("[") == 3


def test_seeds_of_other_parameters_are_not_mixed(project: Path) -> None:
    path = project / RUNS / "17/params.yaml"
    path.write_text(yaml.safe_dump(PARAMS | {"zero": PARAMS["zero"] | {"max_steps": 1}}))
    with pytest.raises(CannotCombine, match="different parameters"):
        read_seeds(project / RUNS, CONFIG.report, CONFIG.evaluate)


@pytest.mark.parametrize("key", PARAMS)
def test_what_decides_a_result(key: str) -> None:
    changed = deciding(PARAMS | {key: "other"}) != deciding(PARAMS)
    assert changed == (key not in UNDECIDING)


def test_the_readme_takes_the_seeds_of_today_s_parameters(project: Path) -> None:
    write_json(project / "data/metrics/claims.json", [])
    assert "one seed" in headline_results(project) and "Not run yet" in seeds_results(project)
    write_json(project / CLAIMS, read_seeds(project / RUNS, CONFIG.report, CONFIG.evaluate).values)
    shown = headline_results(project)
    assert "means over 3 seeds" in shown and "data/seeds/" in shown and shown.count("points [") >= 5
    assert "seed 2017" in seeds_results(project)
    (project / "params.yaml").write_text(yaml.safe_dump(PARAMS | {"zero": PARAMS["zero"] | {"max_steps": 1}}))
    assert over_seeds(project) is None and "one seed" in headline_results(project)
    assert "Not run yet" in control_results(project)
