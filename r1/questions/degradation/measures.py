"""What is measured of every generation: accuracy, diversity, tails and calibration, problem by problem."""

import pandas as pd

from r1.evaluation.statistics import pass_at_k
from r1.questions.effects import Values, by_seed
from r1.rewards.response import language_shares

BY = ["arm", "seed", "generation", "problem"]
MEASURES = {
    "pass_at_1": "pass@1 %",
    "pass_at_k": "pass@k %",
    "distinct_answers": "distinct answers %",
    "distinct_traces": "distinct traces %",
    "rare": "Chinese alone %",
    "long": "long solutions %",
    "reflects": "reflection %",
    "overconfidence": "overconfidence, points",
}
"""Measures by column and title; all are shares."""


def by_problem(samples: pd.DataFrame, tail: float) -> pd.DataFrame:
    """One row per arm, seed, generation and problem, with its level and MEASURES.

    Args:
        samples: rows of `samples` of all arms, with `arm` and `seed`.
        tail: quantile of generation 0's lengths above which a solution is long.

    Columns: distinct answers and traces are shares of a problem's completions. `overconfidence` is the share of votes
    for the most frequent answer minus whether it is right; its mean is 0 if votes are calibrated.
    """
    first = samples[samples["generation"] == 0]
    limit = float(first["tokens"].quantile(tail))
    marked = samples.assign(
        rare=[_is_chinese(text) for text in samples["completion"]],
        long=samples["tokens"] > limit,
        reflects=samples["reflections"] > 0,
    )
    rows = []
    for keys, group in marked.groupby(BY, sort=False):
        n, correct = len(group), int(group["correct"].sum())
        votes = group["predicted"].value_counts()  # ties by first place
        right = bool(group.loc[group["predicted"] == votes.index[0], "correct"].any()) if len(votes) else False
        rows.append(
            {
                **dict(zip(BY, keys, strict=True)),
                "level": group["level"].iloc[0],
                "pass_at_1": correct / n,
                "pass_at_k": pass_at_k(n, correct, n),
                "distinct_answers": len(votes) / n,
                "distinct_traces": group["completion"].nunique() / n,
                **{name: float(group[name].mean()) for name in ("rare", "long", "reflects")},
                "overconfidence": (votes.iloc[0] / n if len(votes) else 0.0) - right,
            }
        )
    return pd.DataFrame(rows)


def changes(problems: pd.DataFrame, arm: str, measure: str, generation: int) -> Values:
    """Seed -> change of a measure from generation 0, [problems]."""
    table = problems[problems["arm"] == arm].pivot(index=["seed", "problem"], columns="generation", values=measure)
    return by_seed(table[generation] - table[0])


def _is_chinese(text: str) -> bool:
    shares = language_shares(text)
    return bool(shares) and shares["zh"] == 1.0
