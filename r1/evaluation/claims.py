"""The paper's claims that the miniature can test: effect, interval, verdict.

Every claim has the same form: an effect per problem, and a bound that its mean
must exceed. Both are fixed before the run, here and in the configuration. The
verdict is a one-sided reading of the two-sided bootstrap interval over
problems: reproduced if the entire interval lies above the bound, not reproduced
if none of it does, inconclusive otherwise. Models are compared on the same
problems, in pairs. No correction is made for multiple testing.

A claim rests on all evaluation problems of one level; it lists their families, with the number of problems of each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from r1.config.data import Level
from r1.config.evaluation import EvaluateConfig, ReportConfig
from r1.evaluation.statistics import estimate

Verdict = Literal["reproduced", "not reproduced", "inconclusive"]
Tables = dict[str, pd.DataFrame]
"""Model -> per-problem table; all tables have the same problems in the same order."""

R1 = "arXiv 2501.12948"


@dataclass(frozen=True)
class Claim:
    """One testable claim.

    Attributes:
        effect: computes per-problem values, [problems], from the models' tables of the claim's level.
        level: level of the problems that it rests on.
        bound: the mean effect must exceed it.
        fair: False if the comparison's precondition does not hold; the verdict
            is then inconclusive.
    """

    id: str
    claim: str
    source: str
    effect: Callable[[Tables], pd.Series]
    level: Level = "train"
    bound: float = 0.0
    fair: bool = True


def all_claims(settings: ReportConfig, flops: Mapping[str, float]) -> list[Claim]:
    """Return the claims, with margins from the configuration.

    Args:
        settings: margins.
        flops: training compute by model; RL on a student must have had at least as much as its distillation.
    """
    return [
        Claim(
            "pure_rl_improves",
            "Pure RL from the base, without SFT, raises pass@1 (zero over base).",
            f"{R1} section 2.2.4: AIME 2024 15.6 % to 71.0 %",
            _gain("zero", "base", "pass_at_1"),
        ),
        Claim(
            "pure_rl_improves_lenient",
            "Pure RL raises pass@1 when both models' answers are read leniently: a gain in skill rather than format "
            "(zero over base).",
            f"{R1} section 2.2.4: AIME 2024 15.6 % to 71.0 %",
            _gain("zero", "base", "lenient_pass_at_1"),
        ),
        Claim(
            "pure_rl_generalises_to_harder",
            "Pure RL raises pass@1 on a harder level it was not trained on (zero over base).",
            f"{R1} section 2.2.4: AIME 2024 was not trained on",
            _gain("zero", "base", "pass_at_1"),
            level="hard",
        ),
        Claim(
            "majority_voting_adds",
            "Majority voting improves on R1-Zero's pass@1 (maj@k over pass@1).",
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
            "Pure RL teaches the think/answer format (format rate, zero over base).",
            f"{R1} section 2.2.2",
            _gain("zero", "base", "format_rate"),
        ),
        Claim(
            "languages_mix_in_zero",
            "R1-Zero mixes languages (share of responses with words in a language other than the question's).",
            f"{R1} section 2.2.4: drawback of R1-Zero",
            _value("zero", "language_mixing"),
            bound=settings.mixing_bound,
        ),
        Claim(
            "mixing_grows_in_zero",
            "Pure RL increases language mixing (zero over base).",
            f"{R1} section 2.2.4: drawback of R1-Zero",
            _gain("zero", "base", "language_mixing"),
        ),
        Claim(
            "language_reward_mends_mixing",
            "Cold start plus RL with the language-consistency reward reduces language mixing (zero over reasoning_rl).",
            f"{R1} section 2.3.2",
            _gain("zero", "reasoning_rl", "language_mixing"),
        ),
        Claim(
            "rl_keeps_mending_after_cold_start",
            "RL with the language-consistency reward reduces language mixing further (cold_start over reasoning_rl).",
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
                f"Distilling R1 into the small {student.capitalize()} beats RL on it with at least as much compute "
                "(pass@1).",
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
            "What RL learns on one task family transfers to families it was not trained on (pass@1, zero over base).",
            f"{R1} table 4: gains beyond mathematics",
            _gain("zero", "base", "pass_at_1"),
            level="transfer",
        ),
    ]


def judge_claims(
    tables: Tables, flops: Mapping[str, float], report: ReportConfig, evaluate: EvaluateConfig
) -> list[dict[str, Any]]:
    """Return every claim with its effect, interval, verdict, level, and number of problems, in all and by family."""
    tested = []
    for claim in all_claims(report, flops):
        at_level = {
            model: table[table["level"] == claim.level].reset_index(drop=True) for model, table in tables.items()
        }
        result = estimate(claim.effect(at_level), evaluate.bootstrap_resamples, evaluate.confidence)
        tested.append(
            {
                "id": claim.id,
                "claim": claim.claim,
                "source": claim.source,
                "effect": result["mean"],
                "low": result["low"],
                "high": result["high"],
                "n": result["n"],
                "level": claim.level,
                "families": count_families(next(iter(at_level.values()))),
                "bound": claim.bound,
                "verdict": verdict(result["low"], result["high"], claim.bound) if claim.fair else "inconclusive",
            }
        )
    return tested


def verdict(low: float, high: float, bound: float) -> Verdict:
    """Judge the claim that the effect exceeds the bound by the effect's interval.

    An interval of zero width means that every problem had the same value: the
    bootstrap then says nothing about the uncertainty.
    """
    if low == high:
        return "inconclusive"
    if low > bound:
        return "reproduced"
    return "not reproduced" if high <= bound else "inconclusive"


def count_families(problems: pd.DataFrame) -> dict[str, int]:
    """Number of problems by family, in the table's order."""
    return {str(family): int(count) for family, count in problems["family"].value_counts(sort=False).items()}


def _value(model: str, metric: str) -> Callable[[Tables], pd.Series]:
    return lambda tables: tables[model][metric]


def _gain(model: str, over: str, metric: str) -> Callable[[Tables], pd.Series]:
    return lambda tables: tables[model][metric] - tables[over][metric]


def _voting_gain(model: str) -> Callable[[Tables], pd.Series]:
    return lambda tables: tables[model]["maj_at_k"] - tables[model]["pass_at_1"]
