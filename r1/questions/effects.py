"""Effects over problems and seeds, and verdicts against a bound that was fixed before the run."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import beta

from r1.questions.arm import Bounds

Verdict = Literal["supported", "not supported", "inconclusive"]
Values = dict[int, np.ndarray]
"""Seed -> values that are paired between arms and models, [problems] in the order of the problems."""


class Effect(dict[str, Any]):
    """A mean with its interval: `effect`, `low`, `high`, `n` (problems) and `seeds`; JSON as it is."""


def by_seed(values: pd.Series) -> Values:
    """Values by seed, of a series whose index has a level `seed`."""
    return {int(str(seed)): of_seed.to_numpy() for seed, of_seed in values.groupby(level="seed")}


def minus(one: Values, other: Values) -> Values:
    """The difference, paired by seed and problem."""
    return {seed: values - other[seed] for seed, values in one.items()}


def change(samples: pd.DataFrame, arm: str, column: str = "correct", families: Sequence[str] = ()) -> Values:
    """The change of a problem's mean from before to after an arm's training.

    Args:
        samples: completions of all arms: arm, seed, problem, `when` (before or after), and the column.
        arm: its name.
        column: whose mean per problem is taken.
        families: of the problems; all if empty.
    """
    rows = samples[samples["arm"] == arm]
    if families:
        rows = rows[rows["family"].isin(families)]
    table = rows.groupby(["seed", "problem", "when"])[column].mean().unstack()
    return by_seed(table["after"] - table["before"])


def effect(values: Mapping[int, ArrayLike], bounds: Bounds) -> Effect:
    """Mean over seeds and problems, with a hierarchical bootstrap interval: seeds are drawn, then problems.

    For a difference, pass differences, paired by problem. A problem is drawn for all seeds at once, since all seeds
    have the same problems; `r1.evaluation.seeds.estimate_over_seeds` is for seeds with problems of their own. With few
    seeds the bootstrap understates the variance between them: the seeds' deviations are scaled by sqrt(n / (n - 1)),
    which makes it unbiased.

    Args:
        values: seed -> [problems], in the same order.
        bounds: resamples and confidence.

    Raises:
        ValueError: if there are no values, or the seeds have different numbers of problems.
    """
    table = np.stack([np.asarray(of_seed, dtype=float) for of_seed in values.values()])
    seeds, problems = table.shape
    if not table.size:
        raise ValueError("no values to estimate from")
    mean, by_seed = table.mean(), table.mean(axis=1, keepdims=True)
    if seeds > 1:
        table = table + (by_seed - mean) * (np.sqrt(seeds / (seeds - 1)) - 1)
    rng = np.random.default_rng(0)
    # How often each is drawn: the mean of a resample is then a product.
    of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=bounds.resamples) / seeds
    of_problems = rng.multinomial(problems, np.full(problems, 1 / problems), size=bounds.resamples) / problems
    drawn = ((of_seeds @ table) * of_problems).sum(axis=1)
    tail = (1 - bounds.confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Effect(effect=float(mean), low=float(low), high=float(high), n=problems, seeds=seeds)


def share(hits: Sequence[bool], seeds: int, bounds: Bounds) -> Effect:
    """A share of independent runs, with the exact interval of Clopper and Pearson (1934): few runs, or all alike.

    Args:
        hits: [runs].
        seeds: that the runs have.
        bounds: confidence.

    Raises:
        ValueError: if there are no runs.
    """
    n, k, tail = len(hits), sum(hits), (1 - bounds.confidence) / 2
    if not n:
        raise ValueError("no runs to estimate from")
    low = beta.ppf(tail, k, n - k + 1) if k else 0.0
    high = beta.ppf(1 - tail, k + 1, n - k) if k < n else 1.0
    return Effect(effect=k / n, low=float(low), high=float(high), n=n, seeds=seeds)


def exceeds(found: Effect, bound: float) -> Verdict:
    """Whether the effect lies above the bound. An interval of zero width says nothing about the uncertainty."""
    if found["low"] == found["high"]:
        return "inconclusive"
    if found["low"] > bound:
        return "supported"
    return "not supported" if found["high"] <= bound else "inconclusive"


def within(found: Effect, bound: float) -> Verdict:
    """Whether the effect lies between -bound and bound: no effect that matters."""
    if found["low"] == found["high"]:
        return "inconclusive"
    if -bound < found["low"] and found["high"] < bound:
        return "supported"
    return "not supported" if found["low"] >= bound or found["high"] <= -bound else "inconclusive"


def below(found: Effect, bound: float) -> Verdict:
    """Whether the effect lies below the bound."""
    turned = Effect(low=-found["high"], high=-found["low"])
    return exceeds(turned, -bound)


def power(found: Effect) -> float:
    """The smallest effect that would have shown: an interval of this width would then have excluded 0."""
    return float(found["high"] - found["low"]) / 2


def claim(
    id: str, text: str, found: Effect, bound: float, verdict: Verdict, unit: str = "points", control: bool = False
) -> dict[str, Any]:
    """A claim as in claims.json.

    Args:
        id: its name.
        text: one sentence, in which the verdict is about the bound.
        found: the effect.
        bound: of the question's bounds.
        verdict: of `exceeds`, `below` or `within`.
        unit: of effect and bound; `points` are shares, shown in per cent.
        control: True for a claim that fails if the measurement is broken.
    """
    judged = {"bound": bound, "unit": unit, "control": control, "power": power(found), "verdict": verdict}
    return {"id": id, "claim": text, **found, **judged}
