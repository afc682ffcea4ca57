"""The paper's claims that the miniature can test: effect, interval, verdict.

Every claim has one form: an effect per problem, and the bound its mean must
exceed. Both are fixed here and in the configuration before the run. A verdict
is a one-sided reading of the two-sided bootstrap interval over problems:
reproduced if the whole interval lies above the bound, not reproduced if none
of it does, inconclusive otherwise. Models are compared on the same problems,
problem by problem. No correction is made for testing several claims.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from r1.config.evaluation import EvaluateConfig, ReportConfig
from r1.evaluation.statistics import estimate

Verdict = Literal["reproduced", "not reproduced", "inconclusive"]
Tables = dict[str, pd.DataFrame]
"""Model name -> per-problem table, the same problems in the same order."""

R1 = "arXiv 2501.12948"


@dataclass(frozen=True)
class Claim:
    """One testable claim.

    Attributes:
        effect: per-problem values, [problems], from the models' tables.
        bound: what the mean effect must exceed.
        fair: False if the comparison's own condition does not hold; the verdict
            is then inconclusive.
    """

    id: str
    claim: str
    source: str
    effect: Callable[[Tables], pd.Series]
    bound: float = 0.0
    fair: bool = True


def all_claims(settings: ReportConfig, flops: Mapping[str, float]) -> list[Claim]:
    """The claims, with the margins of the configuration.

    Args:
        settings: margins.
        flops: training compute by model; the students' RL must not have had less than their distillation.
    """
    return [
        Claim(
            "pure_rl_improves",
            "Pure RL on a base, without any SFT, raises pass@1 (zero over base).",
            f"{R1} section 2.2.4: AIME 2024 15.6 % to 71.0 %",
            _gain("zero", "base", "pass_at_1"),
        ),
        Claim(
            "pure_rl_generalises_to_harder",
            "Pure RL raises pass@1 on a harder level that it never trained on (zero over base).",
            f"{R1} section 2.2.4: AIME 2024 was not trained on",
            _gain("zero", "base", "pass_at_1", level="hard"),
        ),
        Claim(
            "majority_voting_adds",
            "Majority voting adds to R1-Zero's pass@1 (maj@k over pass@1).",
            f"{R1} section 2.2.4: 71.0 % to 86.7 % with cons@64",
            _voting_gain("zero"),
        ),
        Claim(
            "responses_grow",
            "Responses grow longer under pure RL (tokens, zero over base).",
            f"{R1} figure 3",
            _gain("zero", "base", "response_tokens"),
        ),
        Claim(
            "format_is_learned",
            "Pure RL teaches the think/answer form (format rate, zero over base).",
            f"{R1} section 2.2.2",
            _gain("zero", "base", "format_rate"),
        ),
        Claim(
            "languages_mix_in_zero",
            "R1-Zero mixes languages (share of responses with words of another language than the question's).",
            f"{R1} section 2.2.4: drawback of R1-Zero",
            _level("zero", "language_mixing"),
            bound=settings.mixing_bound,
        ),
        Claim(
            "mixing_grows_in_zero",
            "Pure RL makes the mixing worse than the base's own (language mixing, zero over base).",
            f"{R1} section 2.2.4: drawback of R1-Zero",
            _gain("zero", "base", "language_mixing"),
        ),
        Claim(
            "language_reward_mends_mixing",
            "Cold start and RL with the language-consistency reward together mend the mixing (zero over reasoning_rl).",
            f"{R1} section 2.3.2",
            _gain("zero", "reasoning_rl", "language_mixing"),
        ),
        Claim(
            "rl_keeps_mending_after_cold_start",
            "Of that, RL with the language reward mends what cold start left (cold_start over reasoning_rl).",
            f"{R1} section 2.3.2",
            _gain("cold_start", "reasoning_rl", "language_mixing"),
        ),
        Claim(
            "r1_keeps_zero_accuracy",
            f"R1 is as accurate as R1-Zero, within {settings.non_inferiority_margin:.0%} (pass@1, r1 over zero).",
            f"{R1} table 4: 79.8 % against 71.0 %",
            _gain("r1", "zero", "pass_at_1"),
            bound=-settings.non_inferiority_margin,
        ),
        *(
            Claim(
                f"distillation_beats_rl_{student}",
                f"Distilling R1 into the small {student.capitalize()} beats RL on it at no less compute (pass@1).",
                f"{R1} section 4.1: 72.6 % against 47.0 % on AIME 2024",
                _gain(f"distill_{student}", f"student_rl_{student}", "pass_at_1"),
                fair=flops[f"student_rl_{student}"] >= flops[f"distill_{student}"],
            )
            for student in ("qwen", "llama")
        ),
        Claim(
            "reflection_grows",
            "Reflection ('wait', 'check') becomes more frequent under pure RL (share of responses, zero over base).",
            f"{R1} section 2.2.4, 'aha moment'",
            _gain("zero", "base", "reflection_rate"),
        ),
        Claim(
            "skills_transfer",
            "What RL teaches on one family helps on families it never trained on (pass@1, zero over base).",
            f"{R1} table 4: gains beyond mathematics",
            _gain("zero", "base", "pass_at_1", level="transfer"),
        ),
    ]


def judge_claims(
    tables: Tables, flops: Mapping[str, float], report: ReportConfig, evaluate: EvaluateConfig
) -> list[dict[str, Any]]:
    """Every claim with effect, interval, number of problems and verdict."""
    tested = []
    for claim in all_claims(report, flops):
        result = estimate(claim.effect(tables), evaluate.bootstrap_resamples, evaluate.confidence)
        tested.append(
            {
                "id": claim.id,
                "claim": claim.claim,
                "source": claim.source,
                "effect": result["mean"],
                "low": result["low"],
                "high": result["high"],
                "n": result["n"],
                "bound": claim.bound,
                "verdict": verdict(result["low"], result["high"], claim.bound) if claim.fair else "inconclusive",
            }
        )
    return tested


def verdict(low: float, high: float, bound: float) -> Verdict:
    """What an interval says of the claim that the effect exceeds the bound.

    An interval without width means that every problem had the same value: the
    bootstrap then knows nothing of how sure we are.
    """
    if low == high:
        return "inconclusive"
    if low > bound:
        return "reproduced"
    return "not reproduced" if high <= bound else "inconclusive"


def _of_level(table: pd.DataFrame, level: str) -> pd.DataFrame:
    return table[table["level"] == level].reset_index(drop=True)


def _level(model: str, metric: str, level: str = "train") -> Callable[[Tables], pd.Series]:
    return lambda tables: _of_level(tables[model], level)[metric]


def _gain(model: str, over: str, metric: str, level: str = "train") -> Callable[[Tables], pd.Series]:
    return lambda tables: _of_level(tables[model], level)[metric] - _of_level(tables[over], level)[metric]


def _voting_gain(model: str, level: str = "train") -> Callable[[Tables], pd.Series]:
    return lambda tables: _level(model, "maj_at_k", level)(tables) - _level(model, "pass_at_1", level)(tables)
