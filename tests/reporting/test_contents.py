"""What the report shows, read from a project in which every stage has run."""

from pathlib import Path

import pandas as pd
import pytest

from r1.recipe import MODELS, runs
from r1.reporting.contents import SAMPLES, draw_figures, read_contents
from r1.reporting.figures import RL_PANELS
from r1.support.artifacts import BrokenArtifact, write_json
from tests.conftest import compose
from tests.evaluation.test_claims import table

CONFIG = compose("evaluate.bootstrap_resamples=50")
ESTIMATE = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 4}
LOG = pd.DataFrame(
    {"step": [1, 2, 3], "loss": [3.0, 2.0, 1.0], **{panel.column: [0.1, 0.2, 0.3] for panel in RL_PANELS}}
)
FIGURES = [
    "pass@1, chain_sum (train)",
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
        samples = [{"problem": row // 2, "prompt": f"p{row // 2}", "completion": f"{model} {row}"} for row in range(12)]
        pd.DataFrame(samples).to_parquet(folder / "samples.parquet")
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
    assert list(contents.figures) == FIGURES
    claims = {claim["id"]: claim for claim in contents.claims}
    assert claims["pure_rl_improves"]["effect"] == pytest.approx(0.1 * MODELS.index("zero"), abs=0.05)
    assert claims["pure_rl_improves"]["n"] == 10


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
    figures = draw_figures(summaries, dict.fromkeys(runs(), LOG))
    assert list(figures) == ["pass@1, code (hard)", *FIGURES[1:]]
    assert all(figure.startswith("<svg") for figure in figures.values())
