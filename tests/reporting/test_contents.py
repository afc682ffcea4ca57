"""What the report shows, read from a project in which every stage has run."""

from pathlib import Path

import pandas as pd
import pytest

from r1.recipe import MODELS, runs
from r1.reporting.charts import RL_PANELS
from r1.reporting.contents import SAMPLES, draw_figures, read_contents
from r1.support.artifacts import BrokenArtifact, write_json
from tests.conftest import compose
from tests.evaluation.test_claims import by_budget, table

CONFIG = compose("evaluate.bootstrap_resamples=50")
ESTIMATE = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 4}
LOG = pd.DataFrame(
    {"step": [1, 2, 3], "loss": [3.0, 2.0, 1.0], **{panel.column: [0.1, 0.2, 0.3] for panel in RL_PANELS}}
)
FIGURES = [
    "pass@1, chain_sum (train)",
    "Lenient pass@1 against the thinking budget",
    "R1-Zero",
    "Reasoning RL and final RL",
    "RL on the students (control)",
    "Pretraining",
    "Supervised fine-tuning",
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for number, model in enumerate(MODELS):
        folder = tmp_path / "data/evaluations" / model
        folder.mkdir(parents=True)
        table(number, pass_at_1=0.1 * number).to_parquet(folder / "problems.parquet")
        samples = [
            {"problem": row // 2, "prompt": f"p{row // 2}", "completion": f"{model} {row}", "level": "train"}
            | {"reflections": row % 3, "lenient_correct": row % 2 == 0, "task": "chain_sum", "family": "chain_sum"}
            | {"answer": "4", "predicted": "4", "correct": row % 4 == 0, "well_formed": True, "truncated": False}
            | {"mixed": False, "tokens": row}
            for row in range(12)
        ]
        pd.DataFrame(samples).to_parquet(folder / "samples.parquet")
        if model in CONFIG.evaluate.thinking.models:
            by_budget(0.1, 0.1 + 0.1 * number).to_parquet(folder / "budgets.parquet")
        if model in CONFIG.evaluate.intervention.models:
            table(number, reflection_rate=0.0).to_parquet(folder / "without_words_problems.parquet")
        summary = {"chain_sum": {"train": {"pass_at_1": ESTIMATE}, "hard": {"pass_at_1": ESTIMATE}}}
        write_json(tmp_path / f"data/metrics/evaluate/{model}.json", summary)
    for number, run in enumerate(runs()):
        flops = {} if run.startswith("base") else {"flops": 1e9 * (number + 1)}
        write_json(tmp_path / f"data/metrics/{run}.json", {"tokens": 10, **flops})
        (tmp_path / "data/plots").mkdir(exist_ok=True)
        LOG.to_csv(tmp_path / f"data/plots/{run}.csv", index=False)
    return tmp_path


def test_everything_is_read(project: Path) -> None:
    contents = read_contents(project, "smoke", CONFIG.report, CONFIG.evaluate)
    assert (contents.profile, contents.confidence) == ("smoke", CONFIG.evaluate.confidence)
    assert list(contents.summaries) == list(contents.samples) == list(MODELS)
    assert list(contents.stages) == list(runs())
    assert contents.stages["zero"]["tokens"] == 10
    assert contents.picture.count("<svg") == 2 and not contents.aha.excerpts
    assert sorted(contents.traces["models"]) == sorted(MODELS) and len(contents.traces["problems"]) == 6
    assert contents.overview.tiles[-1].value.endswith(f"of {len(contents.claims)}")
    assert list(contents.figures) == FIGURES
    claims = {claim["id"]: claim for claim in contents.claims}
    assert claims["pure_rl_improves"]["effect"] == pytest.approx(0.1 * MODELS.index("zero"), abs=0.05)
    assert claims["pure_rl_improves"]["n"] == 10
    assert {"thinking_longer_pays", "reflection_is_used"} <= set(claims)
    assert [one.title for one in contents.thinking] == [
        "Accuracy by thinking budget", "Without words of reflection", "Accuracy by number of tries",
        "Right steps",
    ]  # fmt: skip
    assert len(contents.thinking[0].rows) == 3 * 3 and contents.thinking[0].header[2:] == ["8", "16", "128"]
    assert {row[0] for row in contents.thinking[2].rows} == {"base", "zero", "r1"}


def test_what_was_not_measured_is_not_shown(project: Path) -> None:
    config = compose(
        "evaluate.thinking.models=[]", "evaluate.intervention.models=[]", "evaluate.bootstrap_resamples=50"
    )
    contents = read_contents(project, "smoke", config.report, config.evaluate)
    assert [one.title for one in contents.thinking] == ["Accuracy by number of tries", "Right steps"]
    assert list(contents.figures) == [title for title in FIGURES if "budget" not in title]
    assert not {"thinking_longer_pays", "reflection_is_used"} & {claim["id"] for claim in contents.claims}


@pytest.mark.parametrize("name", ["budgets", "without_words_problems"])
def test_a_missing_table_is_named(name: str, project: Path) -> None:
    (project / f"data/evaluations/zero/{name}.parquet").unlink()
    with pytest.raises(BrokenArtifact, match=rf"data/evaluations/zero has no {name}.parquet: .*`dvc repro`"):
        read_contents(project, "smoke", CONFIG.report, CONFIG.evaluate)


def test_samples_are_of_different_problems(project: Path) -> None:
    contents = read_contents(project, "smoke", CONFIG.report, CONFIG.evaluate)
    assert [row["completion"] for row in contents.samples["zero"]] == [f"zero {2 * n}" for n in range(SAMPLES)]


def test_compute_decides_whether_distillation_was_compared_fairly(project: Path) -> None:
    def judged() -> str:
        claims = read_contents(project, "smoke", CONFIG.report, CONFIG.evaluate).claims
        return str(next(claim["verdict"] for claim in claims if claim["id"] == "distillation_beats_rl_qwen"))

    assert judged() == "not reproduced", "the student's RL is ahead, with no less compute"
    write_json(project / "data/metrics/student_rl_qwen.json", {"flops": 1.0})
    assert judged() == "inconclusive"


@pytest.mark.parametrize("column", ["family", "lenient_pass_at_1"])
def test_an_evaluation_of_an_older_version_is_named(column: str, project: Path) -> None:
    path = project / "data/evaluations/zero/problems.parquet"
    pd.read_parquet(path).drop(columns=column).to_parquet(path)
    with pytest.raises(BrokenArtifact, match="data/evaluations/zero is of an older version: run `dvc repro`"):
        read_contents(project, "smoke", CONFIG.report, CONFIG.evaluate)


MISSING = ["metrics/zero.json", "metrics/evaluate/r1.json"]


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_metric_is_named(name: str, project: Path) -> None:
    (project / "data" / name).unlink()
    with pytest.raises(BrokenArtifact, match=rf"data/{name} cannot be read .*`dvc repro`"):
        read_contents(project, "smoke", CONFIG.report, CONFIG.evaluate)


def test_figures_show_the_base_s_first_family_and_level() -> None:
    summaries = {model: {"code": {"hard": {"pass_at_1": ESTIMATE}}} for model in MODELS}
    figures = draw_figures(summaries, dict.fromkeys(runs(), LOG), {})
    assert list(figures) == ["pass@1, code (hard)", *FIGURES[2:]]
    assert all("<svg" in figure for figure in figures.values())
