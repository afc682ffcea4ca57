"""Claims: the verdict follows from the interval, and turns with the evidence."""

from typing import Any

import pandas as pd
import pytest

from r1.evaluation.claims import Tables, at_budgets, judge_claims, verdict, without_words
from tests.conftest import compose

CONFIG = compose("evaluate.bootstrap_resamples=300")
SPREAD = (-0.02, -0.01, 0.0, 0.01, 0.02)


def table(shift: int = 0, **metrics: float) -> pd.DataFrame:
    """Ten problems of each level; every metric spreads a little around its value, each model in its own way."""
    values = {
        "pass_at_1": 0.3,
        "lenient_pass_at_1": 0.4,
        "maj_at_k": 0.3,
        "response_tokens": 20.0,
        "format_rate": 0.2,
        "language_mixing": 0.2,
        "reflection_rate": 0.2,
    } | metrics
    rows = [
        {"family": f"{level}_{problem % 2}", "level": level}
        | {
            name: value + (number + 1) * SPREAD[(problem * (shift + 1)) % 5]
            for number, (name, value) in enumerate(values.items())
        }
        for level in ("train", "hard", "transfer")
        for problem in range(10)
    ]
    return pd.DataFrame(rows)


BASE = table()
ZERO = table(
    shift=1,
    pass_at_1=0.6,
    lenient_pass_at_1=0.6,
    maj_at_k=0.9,
    response_tokens=30.0,
    format_rate=0.9,
    language_mixing=0.7,
    reflection_rate=0.6,
)
R1 = table(shift=2, pass_at_1=0.9, maj_at_k=0.9)
MENDED = table(shift=3, pass_at_1=0.8, maj_at_k=0.9, language_mixing=0.1)


def by_budget(small: float, limit: float) -> pd.DataFrame:
    """Every other problem of `table`, with a little spread at the limit."""
    rows = [
        {"problem": number, "level": level, "budget": budget}
        | {"lenient_pass_at_1": limit + SPREAD[number % 5] if budget == 128 else small}
        for number, level in list(enumerate(BASE["level"]))[::2]
        for budget in (8, 16, 128)
    ]
    return pd.DataFrame(rows)


# What the paper found, and for every claim the evidence turned round.
AS_IN_THE_PAPER: Tables = {
    "base": BASE,
    "zero": ZERO,
    "cold_start": table(language_mixing=0.4),
    "reasoning_rl": MENDED,
    "r1": R1,
    "distill_qwen": R1,
    "distill_llama": R1,
    "student_rl_qwen": BASE,
    "student_rl_llama": BASE,
    without_words("zero"): BASE,
    at_budgets("zero"): by_budget(0.2, 0.4),
}
FLOPS = {"distill_qwen": 1.0, "student_rl_qwen": 1.5, "distill_llama": 1.0, "student_rl_llama": 1.5}
PAIRS = {
    "pure_rl_improves": ("zero", "base"),
    "pure_rl_improves_lenient": ("zero", "base"),
    "pure_rl_generalises_to_harder": ("zero", "base"),
    "responses_grow": ("zero", "base"),
    "mixing_grows_in_zero": ("zero", "base"),
    "rl_keeps_mending_after_cold_start": ("cold_start", "reasoning_rl"),
    "format_is_learned": ("zero", "base"),
    "language_reward_mends_mixing": ("zero", "reasoning_rl"),
    "r1_keeps_zero_accuracy": ("r1", "zero"),
    "r1_keeps_zero_accuracy_harder": ("r1", "zero"),
    "r1_keeps_zero_accuracy_transfer": ("r1", "zero"),
    "distillation_beats_rl_qwen": ("distill_qwen", "student_rl_qwen"),
    "distillation_beats_rl_llama": ("distill_llama", "student_rl_llama"),
    "distillation_beats_rl_qwen_harder": ("distill_qwen", "student_rl_qwen"),
    "distillation_beats_rl_llama_harder": ("distill_llama", "student_rl_llama"),
    "reflection_is_used": ("zero", without_words("zero")),
    "reflection_grows": ("zero", "base"),
    "skills_transfer": ("zero", "base"),
}
TURNED: dict[str, Tables] = {
    **{claim: {a: AS_IN_THE_PAPER[b], b: AS_IN_THE_PAPER[a]} for claim, (a, b) in PAIRS.items()},
    "majority_voting_adds": {"zero": ZERO.rename(columns={"maj_at_k": "pass_at_1", "pass_at_1": "maj_at_k"})},
    "thinking_longer_pays": {at_budgets("zero"): by_budget(0.4, 0.2)},
    "languages_mix_in_zero": {"zero": ZERO.assign(language_mixing=[0.0, 0.02] * (len(ZERO) // 2))},
}


def judged(tables: Tables) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in judge_claims(tables, FLOPS, CONFIG.report, CONFIG.evaluate)}


def test_every_claim_stands_once_with_all_that_a_reader_needs() -> None:
    rows = judge_claims(AS_IN_THE_PAPER, FLOPS, CONFIG.report, CONFIG.evaluate)
    assert sorted(row["id"] for row in rows) == sorted(TURNED)
    for row in rows:
        assert {"id", "claim", "source", "effect", "low", "high", "n", "verdict"} <= set(row)
        assert row["claim"] and row["source"]
        assert row["low"] <= row["effect"] <= row["high"]
        if row["id"] != "thinking_longer_pays":
            assert row["n"] == 10
            assert row["families"] == {f"{row['level']}_0": 5, f"{row['level']}_1": 5}, "5 problems of each"
    beyond = {row["id"]: row["level"] for row in rows if row["level"] != "train"}
    assert beyond == {
        "pure_rl_generalises_to_harder": "hard",
        "r1_keeps_zero_accuracy_harder": "hard",
        "r1_keeps_zero_accuracy_transfer": "transfer",
        "distillation_beats_rl_qwen_harder": "hard",
        "distillation_beats_rl_llama_harder": "hard",
        "skills_transfer": "transfer",
    }


def test_a_measurement_of_some_problems_says_of_how_many() -> None:
    row = judged(AS_IN_THE_PAPER)["thinking_longer_pays"]
    assert (row["n"], row["families"], row["effect"]) == (5, {"train_0": 5}, pytest.approx(0.2))


@pytest.mark.parametrize(
    ("claim", "table"),
    [("thinking_longer_pays", at_budgets("zero")), ("reflection_is_used", without_words("zero"))],
)
def test_a_claim_without_its_measurement_is_left_out(claim: str, table: str) -> None:
    rows = judged({name: values for name, values in AS_IN_THE_PAPER.items() if name != table})
    assert set(TURNED) - set(rows) == {claim}


@pytest.mark.parametrize("claim", TURNED)
def test_the_verdict_turns_with_the_evidence(claim: str) -> None:
    assert judged(AS_IN_THE_PAPER)[claim]["verdict"] == "reproduced"
    assert judged(AS_IN_THE_PAPER | TURNED[claim])[claim]["verdict"] == "not reproduced"


@pytest.mark.parametrize(
    ("claim", "effect"),
    [
        ("pure_rl_improves", 0.3),
        ("pure_rl_improves_lenient", 0.2),
        ("majority_voting_adds", 0.3),
        ("responses_grow", 10.0),
        ("format_is_learned", 0.7),
        ("languages_mix_in_zero", 0.7),
        ("language_reward_mends_mixing", 0.6),
        ("r1_keeps_zero_accuracy", 0.3),
        ("distillation_beats_rl_qwen", 0.6),
        ("reflection_grows", 0.4),
        ("skills_transfer", 0.3),
        ("reflection_is_used", 0.2),
        ("thinking_longer_pays", 0.2),
    ],
)
def test_effects_by_hand(claim: str, effect: float) -> None:
    assert judged(AS_IN_THE_PAPER)[claim]["effect"] == pytest.approx(effect)


@pytest.mark.parametrize(
    ("claim", "level"),
    [("pure_rl_improves", "train"), ("pure_rl_generalises_to_harder", "hard"), ("skills_transfer", "transfer")],
)
def test_a_claim_looks_at_its_own_level_alone(claim: str, level: str) -> None:
    only = ZERO.assign(pass_at_1=BASE["pass_at_1"].where(BASE["level"] != level, ZERO["pass_at_1"]))
    rows = judged(AS_IN_THE_PAPER | {"zero": only})
    gains = ("pure_rl_improves", "pure_rl_generalises_to_harder", "skills_transfer")
    assert [name for name in gains if rows[name]["verdict"] == "reproduced"] == [claim]


def test_a_gain_of_form_is_no_gain_of_skill() -> None:
    """RL that only teaches the form: strict pass@1 rises, the lenient one does not."""
    form = ZERO.assign(lenient_pass_at_1=BASE["lenient_pass_at_1"] + [-0.002, 0.001] * (len(BASE) // 2))
    rows = judged(AS_IN_THE_PAPER | {"zero": form})
    assert rows["pure_rl_improves"]["verdict"] == "reproduced"
    assert rows["pure_rl_improves_lenient"]["verdict"] != "reproduced"


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        pytest.param(0.0, "reproduced", id="equal"),
        pytest.param(0.02, "reproduced", id="within-the-margin"),
        pytest.param(0.04, "not reproduced", id="beyond-the-margin"),
    ],
)
def test_r1_may_lose_as_much_as_the_margin(loss: float, expected: str) -> None:
    assert CONFIG.report.non_inferiority_margin == 0.03
    slightly_worse = R1.assign(pass_at_1=ZERO["pass_at_1"] - loss + [0.001, -0.001] * (len(ZERO) // 2))
    assert judged(AS_IN_THE_PAPER | {"r1": slightly_worse})["r1_keeps_zero_accuracy"]["verdict"] == expected


def test_distillation_is_not_compared_with_rl_that_had_less_compute() -> None:
    rows = judge_claims(AS_IN_THE_PAPER, FLOPS | {"student_rl_qwen": 0.9}, CONFIG.report, CONFIG.evaluate)
    verdicts = {row["id"]: row["verdict"] for row in rows}
    assert verdicts["distillation_beats_rl_qwen"] == "inconclusive"
    assert verdicts["distillation_beats_rl_llama"] == "reproduced"


def test_scattered_evidence_is_inconclusive() -> None:
    up_and_down = ZERO.assign(pass_at_1=BASE["pass_at_1"] + [0.2, -0.2] * (len(BASE) // 2))
    assert judged(AS_IN_THE_PAPER | {"zero": up_and_down})["pure_rl_improves"]["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("low", "high", "bound", "expected"),
    [
        pytest.param(0.1, 0.3, 0.0, "reproduced", id="above"),
        pytest.param(-0.3, -0.1, 0.0, "not reproduced", id="below"),
        pytest.param(-0.1, 0.1, 0.0, "inconclusive", id="across"),
        pytest.param(0.0, 0.1, 0.0, "inconclusive", id="low-on-the-bound"),
        pytest.param(-0.1, 0.0, 0.0, "not reproduced", id="high-on-the-bound"),
        pytest.param(0.5, 0.5, 0.0, "inconclusive", id="without-width"),
        pytest.param(0.06, 0.2, 0.05, "reproduced", id="above-another-bound"),
        pytest.param(0.04, 0.2, 0.05, "inconclusive", id="across-another-bound"),
        pytest.param(-0.02, 0.0, -0.03, "reproduced", id="above-a-negative-bound"),
        pytest.param(-0.05, -0.04, -0.03, "not reproduced", id="below-a-negative-bound"),
    ],
)
def test_verdict(low: float, high: float, bound: float, expected: str) -> None:
    assert verdict(low, high, bound) == expected
