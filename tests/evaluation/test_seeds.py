"""Claims over seeds: the interval knows the variance between seeds, and every seed's own verdict is beside it."""

import numpy as np
import pytest

from r1.evaluation.claims import measure_claims
from r1.evaluation.seeds import CannotCombine, Runs, estimate_over_seeds, judge_over_seeds
from r1.evaluation.statistics import estimate
from tests.conftest import compose
from tests.evaluation.test_claims import AS_IN_THE_PAPER

CONFIG = compose("evaluate.bootstrap_resamples=300")
RESAMPLES, CONFIDENCE = 2000, 0.95


def problems(mean: float, seed: int, count: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.3, count)


def test_the_mean_is_that_of_the_seeds_and_every_seed_weighs_the_same() -> None:
    found = estimate_over_seeds([np.zeros(300), np.ones(100)], RESAMPLES, CONFIDENCE)
    assert (found["mean"], found["n"]) == (0.5, 400)
    assert (found["low"], found["high"]) == (0.0, 1.0), "either seed may be drawn twice"


def test_without_variance_between_seeds_the_interval_is_about_that_of_all_problems() -> None:
    by_seed = [problems(0.5, seed) for seed in range(3)]
    by_seed = [values - values.mean() + 0.5 for values in by_seed]
    found, pooled = estimate_over_seeds(by_seed, RESAMPLES, CONFIDENCE), estimate(np.concatenate(by_seed), 2000, 0.95)
    assert found["high"] - found["low"] == pytest.approx(pooled["high"] - pooled["low"], rel=0.15)


def test_variance_between_seeds_widens_the_interval() -> None:
    by_seed = [problems(mean, seed) for seed, mean in enumerate((0.2, 0.5, 0.8))]
    found = estimate_over_seeds(by_seed, RESAMPLES, CONFIDENCE)
    assert found["high"] - found["low"] > 5 * np.ptp([0.45, 0.55]) * 0.8, "each seed's own is 0.08 wide"
    assert found == estimate_over_seeds(by_seed, RESAMPLES, CONFIDENCE), "the same data give the same interval"


@pytest.mark.parametrize("per_problem", [[], [np.ones(3), np.ones(0)]])
def test_nothing_is_estimated_from_nothing(per_problem: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="no seeds or no problems"):
        estimate_over_seeds(per_problem, RESAMPLES, CONFIDENCE)


def runs(*, worse: int = 0, unfair: int | None = None) -> Runs:
    """Three seeds; in the first `worse` ones RL does harm."""
    zero = AS_IN_THE_PAPER["zero"]
    worse_than_base = zero.assign(pass_at_1=zero["pass_at_1"] - 0.4)
    flops = {f"{kind}_{student}": 1.0 for kind in ("student_rl", "distill") for student in ("qwen", "llama")}
    found = {}
    for number, seed in enumerate((17, 18, 19)):
        tables = AS_IN_THE_PAPER | ({"zero": worse_than_base} if number < worse else {})
        spent = flops | ({"student_rl_qwen": 0.5} if number == unfair else {})
        found[seed] = measure_claims(tables, spent, CONFIG.report)
    return found


@pytest.mark.parametrize(
    ("worse", "verdict", "differing"),
    [(0, "reproduced", 0.0), (1, "inconclusive", 1.0), (3, "not reproduced", 0.0)],
)
def test_a_verdict_over_seeds_and_how_many_seeds_agree(worse: int, verdict: str, differing: float) -> None:
    claims = {claim["id"]: claim for claim in judge_over_seeds(runs(worse=worse), CONFIG.evaluate)}
    claim = claims["pure_rl_improves"]
    assert (claim["verdict"], claim["differing"]) == (verdict, pytest.approx(differing))
    assert list(claim["seeds"]) == ["17", "18", "19"] and claim["n"] == 30
    assert sum(claim["families"].values()) == 30 and claim["level"] == "train"
    effects = [one["effect"] for one in claim["seeds"].values()]
    assert claim["effect"] == pytest.approx(np.mean(effects)) and claim["spread"] == pytest.approx(
        np.std(effects, ddof=1)
    )


def test_a_comparison_that_is_unfair_with_one_seed_is_inconclusive() -> None:
    claims = {claim["id"]: claim for claim in judge_over_seeds(runs(unfair=1), CONFIG.evaluate)}
    assert claims["distillation_beats_rl_qwen"]["verdict"] == "inconclusive"
    assert claims["distillation_beats_rl_llama"]["verdict"] == "reproduced"


def test_seeds_that_cannot_be_combined() -> None:
    three = runs()
    with pytest.raises(CannotCombine, match="at least two"):
        judge_over_seeds({17: three[17]}, CONFIG.evaluate)
    with pytest.raises(CannotCombine, match="the same claims"):
        judge_over_seeds({17: three[17], 18: three[18][1:]}, CONFIG.evaluate)
