"""Published scores: each has a source, and stands only beside the benchmark and the checkpoint that it is of."""

from pathlib import Path
from typing import Any

import pytest

from r1.recipe import MODELS
from r1.reporting.published_scores import BENCHMARKS, COUNTERPARTS, SCORES, counterparts_on, scores_of
from r1.reporting.reference import COMPARISON, compare, render_reference
from tests.conftest import compose

CONFIG = compose().reference


def group(mean: float, low: float, high: float, strict: float = 0.0) -> dict[str, Any]:
    exact = {"mean": strict, "low": strict, "high": strict, "n": 30}
    lenient = {"mean": mean, "low": low, "high": high, "n": 30}
    return {"lenient_pass_at_1": lenient, "pass_at_1": exact, "truncation": exact}


SUMMARY = {"aime_2024": {"hard": group(0.3, 0.2, 0.4)}, "math_500": {"train": group(0.7, 0.65, 0.75, 0.1)}}


def test_every_score_has_a_source_and_a_benchmark() -> None:
    assert {score.family for score in SCORES} == set(BENCHMARKS)
    assert all(score.source and score.sampling and 0 < score.percent < 100 for score in SCORES)
    places = [(score.model, score.family, score.source) for score in SCORES]
    assert len(set(places)) == len(places)
    assert set(COUNTERPARTS) <= set(MODELS)
    assert set(COUNTERPARTS.values()) <= {score.model for score in SCORES}


@pytest.mark.parametrize(
    ("family", "r1"),
    [
        ("aime_2024", "79.8 (DeepSeek-R1)"),
        ("math_500", "97.3 (DeepSeek-R1)"),
        ("aime_2025", None),
        ("gsm8k", None),
        ("chain_sum", None),
        ("chain_sum_hard", None),
    ],
)
def test_the_paper_s_models_stand_beside_their_benchmarks_alone(family: str, r1: str | None) -> None:
    assert counterparts_on(family).get("r1") == r1
    assert bool(counterparts_on(family)) == (r1 is not None)


@pytest.mark.parametrize(
    "checkpoint",
    [
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
        "/models/DeepSeek-R1-Distill-Qwen-1.5B",
        "./DeepSeek-R1-Distill-Qwen-1.5B/",
    ],
)
def test_a_checkpoint_has_its_own_scores(checkpoint: str) -> None:
    assert {score.family: score.percent for score in scores_of(checkpoint)} == {"aime_2024": 28.9, "math_500": 83.9}


def test_the_published_score_is_inside_the_interval_or_not() -> None:
    rows = compare("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", SUMMARY, CONFIG)
    assert [(row["benchmark"], row["published"], row["inside"]) for row in rows] == [
        ("AIME 2024", "28.9", "yes"),
        ("MATH-500", "83.9", "no"),
    ]
    assert [(row["lenient"], row["strict"], row["samples"]) for row in rows] == [
        ("30.0 [20.0, 40.0]", "0.0 [0.0, 0.0]", "64"),
        ("70.0 [65.0, 75.0]", "10.0 [10.0, 10.0]", "4"),
    ]


def test_two_publications_are_two_rows_and_an_unknown_checkpoint_has_none() -> None:
    twice = compare("Qwen/Qwen2.5-Math-7B", {"math_500": SUMMARY["math_500"]}, CONFIG)
    assert sorted((row["published"], row["inside"]) for row in twice) == [("52.4", "no"), ("63.6", "no")]
    assert len({row["source"] for row in twice}) == 2
    (unknown,) = compare("mine/model", {"math_500": SUMMARY["math_500"]}, CONFIG)
    assert (unknown["published"], unknown["inside"], unknown["source"]) == ("none known", "", "")


def test_the_table_is_whole(tmp_path: Path) -> None:
    render_reference("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", SUMMARY, CONFIG, 0.95, tmp_path)
    lines = (tmp_path / COMPARISON).read_text().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in table} == {11} and len(table) == 4
    assert "arXiv 2501.12948v1, table 5" in table[-1] and "temperature 0.6" in table[-1]
