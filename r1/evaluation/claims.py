"""The paper's claims that the miniature can test: effect, interval, verdict.

Every claim has the same form: an effect per problem, and a bound that its mean
must exceed. Both are fixed before the run, here and in the configuration. The
verdict is a one-sided reading of the two-sided bootstrap interval over
problems: reproduced if the entire interval lies above the bound, not reproduced
if none of it does, inconclusive otherwise. Models are compared on the same
problems, in pairs. No correction is made for multiple testing.

A claim rests on all evaluation problems of one level, or on those of them that a costlier measurement covers; it lists
their families, with the number of problems of each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from r1.config.data import Level
from r1.config.evaluation import EvaluateConfig, ReportConfig
from r1.evaluation.statistics import Estimate, estimate

Verdict = Literal["reproduced", "not reproduced", "inconclusive"]
Tables = dict[str, pd.DataFrame]
"""Model -> per-problem table, indexed by problem; all tables have the same problems in the same order.

A measurement that only some models have is a table of its own, see `at_budgets` and `without_words`.
"""

R1 = "arXiv 2501.12948"
_TRAINED: tuple[str, str, Level] = ("", "", "train")
_HARDER: tuple[str, str, Level] = ("_harder", " on a harder level", "hard")
_TRANSFER: tuple[str, str, Level] = ("_transfer", " on families that RL did not train on", "transfer")
"""A level, with the suffix and the words of claims that are made on several."""


@dataclass(frozen=True)
class Claim:
    """One testable claim.

    Attributes:
        effect: computes per-problem values, [problems], from the models' tables of the claim's level; indexed by
            problem.
        rests_on: table of a measurement that the configuration can omit; without it the claim is left out.
        level: level of the problems that it rests on.
        bound: the mean effect must exceed it.
        fair: False if the comparison's precondition does not hold; the verdict
            is then inconclusive.
    """

    id: str
    claim: str
    source: str
    effect: Callable[[Tables], pd.Series]
    rests_on: str | None = None
    level: Level = "train"
    bound: float = 0.0
    fair: bool = True


def at_budgets(model: str) -> str:
    """Name of a model's table of accuracy by problem and thinking budget."""
    return f"{model}, by thinking budget"


def without_words(model: str) -> str:
    """Name of a model's per-problem table without the forbidden words."""
    return f"{model}, words forbidden"


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
        *(
            Claim(
                f"r1_keeps_zero_accuracy{suffix}",
                f"R1 is as accurate as R1-Zero{where}, within {settings.non_inferiority_margin:.0%} (pass@1, r1 over "
                "zero).",
                f"{R1} table 4: 79.8 % against 71.0 %",
                _gain("r1", "zero", "pass_at_1"),
                level=level,
                bound=-settings.non_inferiority_margin,
            )
            for suffix, where, level in (_TRAINED, _HARDER, _TRANSFER)
        ),
        *(
            Claim(
                f"distillation_beats_rl_{student}{suffix}",
                f"Distilling R1 into the small {student.capitalize()} beats RL on it with at least as much compute"
                f"{where} (pass@1).",
                f"{R1} section 4.1: 72.6 % against 47.0 % on AIME 2024",
                _gain(f"distill_{student}", f"student_rl_{student}", "pass_at_1"),
                level=level,
                fair=flops[f"student_rl_{student}"] >= flops[f"distill_{student}"],
            )
            for suffix, where, level in (_TRAINED, _HARDER)
            for student in ("qwen", "llama")
        ),
        Claim(
            "reflection_grows",
            "Reflection ('wait', 'check') becomes more frequent under pure RL (share of responses, zero over base).",
            f"{R1} section 2.2.4, 'aha moment'",
            _gain("zero", "base", "reflection_rate"),
        ),
        Claim(
            "reflection_is_used",
            "R1-Zero's reflection helps it: without its words it is less accurate (lenient pass@1, zero over zero with "
            "those words forbidden).",
            f"{R1} section 2.2.4, 'aha moment'",
            _gain("zero", without_words("zero"), "lenient_pass_at_1"),
            rests_on=without_words("zero"),
        ),
        Claim(
            "thinking_longer_pays",
            "Thinking longer pays for R1-Zero (lenient pass@1, its full limit over completions made to answer after "
            f"{settings.thinking_budget} tokens).",
            f"{R1} section 2.2.4, figure 3; arXiv 2501.19393 for the method",
            _gain_over_budget(at_budgets("zero"), settings.thinking_budget),
            rests_on=at_budgets("zero"),
        ),
        Claim(
            "skills_transfer",
            "What RL learns on one task family transfers to families it was not trained on (pass@1, zero over base).",
            f"{R1} table 4: gains beyond mathematics",
            _gain("zero", "base", "pass_at_1"),
            level="transfer",
        ),
    ]


@dataclass(frozen=True)
class Measured:
    """A claim's effect in one run.

    Attributes:
        effect: by problem.
        families: number of problems by family.
    """

    claim: Claim
    effect: pd.Series
    families: dict[str, int]

    def judge(self, found: Estimate, fair: bool) -> dict[str, Any]:
        """The claim as in claims.json, with its verdict for an estimate of the mean effect."""
        claim = self.claim
        return {
            "id": claim.id,
            "claim": claim.claim,
            "source": claim.source,
            "effect": found["mean"],
            "low": found["low"],
            "high": found["high"],
            "n": found["n"],
            "level": claim.level,
            "families": self.families,
            "bound": claim.bound,
            "verdict": verdict(found["low"], found["high"], claim.bound) if fair else "inconclusive",
        }


def measure_claims(tables: Tables, flops: Mapping[str, float], report: ReportConfig) -> list[Measured]:
    """Measure every claim's effect; a claim whose measurement was not made is left out."""
    measured = []
    for claim in all_claims(report, flops):
        if claim.rests_on is not None and claim.rests_on not in tables:
            continue
        at_level = {model: table[table["level"] == claim.level] for model, table in tables.items()}
        effect = claim.effect(at_level)
        measured.append(Measured(claim, effect, count_families(next(iter(tables.values())).loc[effect.index])))
    return measured


def judge_claims(
    tables: Tables, flops: Mapping[str, float], report: ReportConfig, evaluate: EvaluateConfig
) -> list[dict[str, Any]]:
    """Return every claim with its effect, interval, verdict, level, and number of problems, in all and by family.

    A claim whose measurement was not made is left out.
    """
    return [judge_measured(measured, evaluate) for measured in measure_claims(tables, flops, report)]


def judge_measured(measured: Measured, evaluate: EvaluateConfig) -> dict[str, Any]:
    """Judge a claim by one run."""
    found = estimate(measured.effect, evaluate.bootstrap_resamples, evaluate.confidence)
    return measured.judge(found, measured.claim.fair)


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


def _gain_over_budget(table: str, budget: int) -> Callable[[Tables], pd.Series]:
    def effect(tables: Tables) -> pd.Series:
        by_budget = tables[table].pivot(index="problem", columns="budget", values="lenient_pass_at_1")
        return by_budget[by_budget.columns.max()] - by_budget[budget]

    return effect


def _voting_gain(model: str) -> Callable[[Tables], pd.Series]:
    return lambda tables: tables[model]["maj_at_k"] - tables[model]["pass_at_1"]
