"""Claims over several runs of the recipe that differ in their seed: effect, interval, verdict.

A seed draws the problems, the initial weights and every sample, so runs share nothing. The interval is a hierarchical
bootstrap: it resamples seeds, and problems within each. With three seeds the outer resampling is crude: it knows three
values of the variance between seeds, and its intervals come out somewhat narrow. Every seed's own estimate is therefore
reported beside it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from r1.config.evaluation import EvaluateConfig
from r1.evaluation.claims import Measured, judge_measured
from r1.evaluation.statistics import Estimate
from r1.support.errors import UserError

Runs = Mapping[int, list[Measured]]
"""Seed -> measured claims."""


class CannotCombine(UserError):
    """The runs do not make one result."""


def estimate_over_seeds(per_problem: Sequence[ArrayLike], resamples: int, confidence: float) -> Estimate:
    """Mean over seeds of the means over problems, with a hierarchical percentile bootstrap interval.

    Args:
        per_problem: by seed, one value per problem; the number of problems may differ between seeds.
        resamples: number of bootstrap resamples.
        confidence: level of the interval, in (0, 1).

    Returns:
        The mean, its interval, and the number of problems of all seeds.

    Raises:
        ValueError: if there are no seeds, or a seed has no problems.
    """
    by_seed = [np.asarray(values, dtype=float) for values in per_problem]
    if not by_seed or any(values.size == 0 for values in by_seed):
        raise ValueError("no seeds or no problems to estimate from")
    drawing, seeds = np.random.default_rng(0), len(by_seed)
    chosen = drawing.integers(seeds, size=(resamples, seeds))
    means = np.empty(chosen.shape)
    for seed, values in enumerate(by_seed):
        at = chosen == seed
        means[at] = values[drawing.integers(values.size, size=(int(at.sum()), values.size))].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means.mean(axis=1), [tail, 1 - tail])
    mean = float(np.mean([values.mean() for values in by_seed]))
    return {"mean": mean, "low": float(low), "high": float(high), "n": sum(values.size for values in by_seed)}


def judge_over_seeds(runs: Runs, evaluate: EvaluateConfig) -> list[dict[str, Any]]:
    """Return every claim over all seeds, with the single run's bound.

    Besides the keys of `judge_claims`: `seeds` has each seed's effect, interval and verdict, `spread` is the standard
    deviation of the effect between seeds, `differing` the share of seeds whose own verdict is another.

    Args:
        runs: seed -> measured claims.
        evaluate: resamples and confidence of the intervals.

    Raises:
        CannotCombine: with fewer than two seeds, or if the seeds do not have the same claims.
    """
    if len(runs) < 2:
        raise CannotCombine(f"the runs are of seeds {sorted(runs)}: at least two are needed")
    names = {seed: [measured.claim.id for measured in claims] for seed, claims in runs.items()}
    if len({tuple(ids) for ids in names.values()}) > 1:
        raise CannotCombine(f"the seeds do not have the same claims: {names}")
    return [_judge(dict(zip(runs, claims, strict=True)), evaluate) for claims in zip(*runs.values(), strict=True)]


def _judge(by_seed: Mapping[int, Measured], evaluate: EvaluateConfig) -> dict[str, Any]:
    own = {seed: judge_measured(measured, evaluate) for seed, measured in by_seed.items()}
    effects = [measured.effect for measured in by_seed.values()]
    found = estimate_over_seeds(effects, evaluate.bootstrap_resamples, evaluate.confidence)
    families = sum((Counter(measured.families) for measured in by_seed.values()), Counter[str]())
    first = replace(next(iter(by_seed.values())), families=dict(families))
    over = first.judge(found, all(measured.claim.fair for measured in by_seed.values()))
    return {
        **over,
        "spread": float(np.std([claim["effect"] for claim in own.values()], ddof=1)),
        "differing": sum(claim["verdict"] != over["verdict"] for claim in own.values()) / len(own),
        "seeds": {
            str(seed): {key: claim[key] for key in ("effect", "low", "high", "verdict")} for seed, claim in own.items()
        },
    }
