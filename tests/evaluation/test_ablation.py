"""The comparison of RL algorithms, on runs whose outcome is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from r1.evaluation.ablation import CannotCompare, Runs, comparable, differences_from_reference, judge_comparison
from r1.reporting.ablation import PANELS, Comparison, render_ablation
from tests.conftest import compose

SMOKE = compose("profile=smoke")
PROBLEMS = 40


def table(accuracy: float, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "family": "chain_sum",
            "level": "train",
            "pass_at_1": random.binomial(8, accuracy, PROBLEMS) / 8,
            "response_tokens": random.uniform(20, 40, PROBLEMS),
            "language_mixing": random.uniform(0, 1, PROBLEMS),
        }
    )


def runs(**accuracy: float) -> Runs:
    return {
        name: {seed: table(value, 10 * number + seed) for seed in (1, 2, 3)}
        for number, (name, value) in enumerate(accuracy.items())
    }


def claims(**accuracy: float) -> dict[str, dict[str, Any]]:
    found = judge_comparison(runs(**accuracy), table(0.2, 99), SMOKE.ablation, SMOKE.evaluate)
    return {claim["id"]: claim for claim in found}


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [
        ({"grpo": 0.5, "dapo": 0.5, "ppo": 0.5}, "reproduced"),
        ({"grpo": 0.5, "dapo": 0.5, "ppo": 0.9}, "not reproduced"),
        ({"grpo": 0.5, "dapo": 0.5, "ppo": 0.6}, "inconclusive"),
        # Another choice of prompts is no other algorithm.
        ({"grpo": 0.5, "dapo": 0.5, "ppo": 0.5, "grpo_filtered": 0.9}, "reproduced"),
    ],
)
def test_choice_of_algorithm(accuracy: dict[str, float], verdict: str) -> None:
    claim = claims(**accuracy)["algorithm_choice_matters_little"]
    assert claim["verdict"] == verdict
    assert claim["bound"] == SMOKE.ablation.equivalence_margin and claim["n"] == 3
    assert (claim["level"], claim["families"]) == ("train", {"chain_sum": PROBLEMS})


def test_who_learns_and_what_helps() -> None:
    found = claims(grpo=0.5, ppo=0.2, grpo_filtered=0.7, grpo_curriculum=0.3)
    assert found["grpo_learns"]["verdict"] == "reproduced" and found["grpo_learns"]["n"] == PROBLEMS
    assert found["ppo_learns"]["verdict"] != "reproduced"
    assert found["grpo_filtered_helps"]["verdict"] == "reproduced"
    assert found["grpo_curriculum_helps"]["verdict"] == "not reproduced"
    assert "grpo_filtered_learns" not in found


def test_what_cannot_be_compared_is_refused_by_name() -> None:
    base, whole = table(0.2, 99), runs(ppo=0.5, grpo=0.5, grpo_filtered=0.5)
    assert list(comparable(whole, base)) == ["grpo", "ppo", "grpo_filtered"]
    more = {**whole, "ppo": {**whole["ppo"], 7: table(0.5, 7)}}
    assert list(comparable(more, base)["ppo"]) == [1, 2, 3]
    with pytest.raises(CannotCompare, match="grpo and another algorithm are needed"):
        comparable(runs(grpo=0.5, grpo_filtered=0.5), base)
    with pytest.raises(CannotCompare, match=r"share 1 seeds, 2 are needed: .*'ppo': \[2\]"):
        comparable({**whole, "ppo": {2: table(0.5, 1)}}, base)
    with pytest.raises(CannotCompare, match="runs/ppo/2 has 5 problems, the base 40"):
        comparable({**whole, "ppo": {1: table(0.5, 1), 2: table(0.5, 1).head(5)}}, base)


def test_differences_are_taken_from_grpo() -> None:
    apart = differences_from_reference(runs(grpo=0.5, ppo=0.9))
    assert set(apart) == {"ppo"} and apart["ppo"]["difference"] == pytest.approx(0.4, abs=0.05)


def test_the_report_shows_every_variant_and_is_the_same_for_the_same_data(tmp_path: Path) -> None:
    found, base = runs(grpo=0.5, ppo=0.5), table(0.2, 99)
    log = pd.DataFrame({"rollouts": [8, 16, 24], **{panel.column: [0.1, 0.2, 0.4] for panel in PANELS}})
    late = log.assign(rollouts=[16, 24, 32])  # as dynamic sampling would have it
    curves = {"grpo": [log, log + 0.1, log], "ppo": [log, late, log.drop(columns="kl")]}
    phases = {
        phase: {"seconds_per_step": seconds} for phase, seconds in (("generate", 1), ("score", 0.5), ("train", 2))
    }
    doubled = {phase: {"seconds_per_step": 2 * value["seconds_per_step"]} for phase, value in phases.items()}
    metrics: dict[str, Any] = {
        name: [{"steps": 3, "rollouts": 24, "prompts": {"chosen": 9}, "phases": spent}] * 3
        for name, spent in (("grpo", phases), ("ppo", doubled))
    }
    for directory in (tmp_path / "one", tmp_path / "two"):
        directory.mkdir()
        judged = judge_comparison(found, base, SMOKE.ablation, SMOKE.evaluate)
        render_ablation(Comparison(found, base, curves, metrics, judged), SMOKE.ablation, SMOKE.evaluate, directory)
    page, text = ((tmp_path / "one" / name).read_text() for name in ("index.html", "report.md"))
    assert page == (tmp_path / "two" / "index.html").read_text()
    assert "<svg" in page and 'src="http' not in page and 'href="http' not in page
    assert "| ppo | 2.00 | 1.00 | 4.00 | 7.00 | 2.00 |" in text
    assert "all 2 end within 10% pass@1 of each other" in text
    assert "3 seeds per algorithm, 40 problems" in text
    assert "| 3 seeds, level train: chain_sum 40 |" in text and "| 40 problems, level train: chain_sum 40 |" in text
