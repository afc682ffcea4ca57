"""Comparison of RL algorithms: claims with intervals and verdicts."""

from typing import Any, cast

import pandas as pd

from r1.config.evaluation import AblationConfig, EvaluateConfig
from r1.config.rl import ALGORITHMS
from r1.evaluation.claims import count_families, verdict
from r1.evaluation.equivalence import Difference, differences, equivalent
from r1.evaluation.statistics import Estimate, estimate
from r1.support.errors import UserError

Runs = dict[str, dict[int, pd.DataFrame]]
"""Variant -> seed -> per-problem table; all tables have the same problems in the same order."""

REFERENCE = "grpo"
ALPHA = 0.05


class CannotCompare(UserError):
    """The available runs are not enough for a comparison."""


def comparable(runs: Runs, base: pd.DataFrame) -> Runs:
    """Return the runs with the seeds that all variants share, GRPO first.

    Raises:
        CannotCompare: without GRPO and another algorithm, with fewer than two shared seeds, or if a run and the base
            were evaluated on different problems.
    """
    if REFERENCE not in runs or len(set(runs) & set(ALGORITHMS)) < 2:
        raise CannotCompare(f"data/ablation/runs has {sorted(runs)}: {REFERENCE} and another algorithm are needed")
    shared = set.intersection(*(set(tables) for tables in runs.values()))
    if len(shared) < 2:
        seeds = {name: sorted(tables) for name, tables in runs.items()}
        raise CannotCompare(f"the variants in data/ablation/runs share {len(shared)} seeds, 2 are needed: {seeds}")
    for name, tables in runs.items():
        for seed, table in tables.items():
            if len(table) != len(base):
                raise CannotCompare(f"data/ablation/runs/{name}/{seed} has {len(table)} problems, the base {len(base)}")
    order = sorted(runs, key=lambda name: (name != REFERENCE, name not in ALGORITHMS, name))
    return {name: {seed: runs[name][seed] for seed in sorted(shared)} for name in order}


def estimate_metric(tables: dict[int, pd.DataFrame], metric: str, settings: EvaluateConfig) -> Estimate:
    """Average a metric over seeds, then estimate its mean over problems."""
    return estimate(_mean_over_seeds(tables, metric), settings.bootstrap_resamples, settings.confidence)


def gain_over(tables: dict[int, pd.DataFrame], base: pd.DataFrame, settings: EvaluateConfig) -> Estimate:
    """Estimate the gain in pass@1 over the base, paired by problem."""
    gain = _mean_over_seeds(tables, "pass_at_1") - base["pass_at_1"]
    return estimate(gain, settings.bootstrap_resamples, settings.confidence)


def differences_from_reference(runs: Runs) -> dict[str, Difference]:
    """Each variant's pass@1 minus GRPO's, with intervals over seeds for two one-sided tests at level ALPHA."""
    algorithms, prompts = _pass_at_1_by_seed(runs)
    return _differences_from_reference(algorithms) | _differences_from_reference(prompts)


def judge_comparison(
    runs: Runs, base: pd.DataFrame, settings: AblationConfig, evaluate: EvaluateConfig
) -> list[dict[str, Any]]:
    """Return the claims as in claims.json; see `judge_claims`, and `over` says what n counts: seeds or problems.

    Args:
        runs: as `comparable` returns them; GRPO with selected prompts is named `grpo_<selection>`.
        base: the base's per-problem table, of the level that the runs train on.
        settings: the equivalence margin.
        evaluate: resamples and confidence of the intervals over problems.
    """
    algorithms, prompts = _pass_at_1_by_seed(runs)
    pairs = differences(algorithms, confidence=1 - 2 * ALPHA)
    (first, second), widest = max(pairs.items(), key=lambda item: abs(item[1]["difference"]))
    seeds = len(runs[REFERENCE])
    claims = [
        {
            "id": "algorithm_choice_matters_little",
            "claim": f"The choice of RL algorithm matters little: all {len(algorithms)} end within "
            f"{settings.equivalence_margin:.0%} pass@1 of each other (widest pair: {second} over {first}).",
            "source": "arXiv 2502.02523",
            **_effect(widest, seeds, settings.equivalence_margin),
            "verdict": equivalent(algorithms, settings.equivalence_margin, ALPHA),
        }
    ]
    for name in algorithms:
        gain = gain_over(runs[name], base, evaluate)
        claims.append(
            {
                "id": f"{name}_learns",
                "claim": f"{name} raises pass@1 above the base's.",
                "source": "arXiv 2501.12948 section 2.2",
                "effect": gain["mean"],
                **{key: gain[key] for key in ("low", "high", "n")},
                "over": "problems",
                "bound": 0.0,
                "verdict": verdict(gain["low"], gain["high"], 0.0),
            }
        )
    for name, difference in _differences_from_reference(prompts).items():
        choice = name.removeprefix(f"{REFERENCE}_")
        claims.append(
            {
                "id": f"{name}_helps",
                "claim": f"RL on prompts selected by the base's pass rate ({choice}) beats RL on all prompts (pass@1).",
                "source": "arXiv 2501.12599 sections 2.1 and 2.3.4",
                **_effect(difference, seeds, 0.0),
                "verdict": verdict(difference["low"], difference["high"], 0.0),
            }
        )
    rests_on = {"level": "train", "families": count_families(base)}
    return [claim | rests_on for claim in claims]


def _mean_over_seeds(tables: dict[int, pd.DataFrame], metric: str) -> pd.Series:
    return cast(pd.Series, sum(table[metric] for table in tables.values()) / len(tables))


def _pass_at_1_by_seed(runs: Runs) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """pass@1 per seed, of the algorithms and of GRPO's prompt selections: the two groups are compared separately."""
    passed = {name: [float(table["pass_at_1"].mean()) for table in tables.values()] for name, tables in runs.items()}
    algorithms = {name: values for name, values in passed.items() if name in ALGORITHMS}
    return algorithms, {name: values for name, values in passed.items() if name == REFERENCE or name not in ALGORITHMS}


def _differences_from_reference(by_seed: dict[str, list[float]]) -> dict[str, Difference]:
    pairs = differences(by_seed, confidence=1 - 2 * ALPHA)
    return {second: pair for (first, second), pair in pairs.items() if first == REFERENCE}


def _effect(difference: Difference, seeds: int, bound: float) -> dict[str, Any]:
    return {
        "effect": difference["difference"],
        "low": difference["low"],
        "high": difference["high"],
        "n": seeds,
        "over": "seeds",
        "bound": bound,
    }
