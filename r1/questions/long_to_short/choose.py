"""What is learned from a model's completions: one right one per problem, or a short one against a longer one."""

import random
from collections.abc import Callable
from typing import Any, Literal

import pandas as pd

from r1.support.tables import as_rows

Rows = list[dict[str, Any]]


def right_ones(table: pd.DataFrame, keep: Literal["shortest", "random"], count: int, seed: int) -> Rows:
    """One right completion per problem; which problems is decided by the seed alone, not by `keep`.

    Args:
        table: completions as `r1.questions.lab.sampled` returns them.
        keep: which right completion of a problem.
        count: problems; fewer if fewer have a right completion.
        seed: of the choice.

    Returns:
        Rows of `prompt`, `completion`, `tokens`, and `mean_tokens` of the problem's right completions.
    """

    def chosen(right: Rows, rng: random.Random) -> Rows:
        if not right:
            return []
        one = right[0] if keep == "shortest" else rng.choice(right)
        mean = sum(row["tokens"] for row in right) / len(right)
        return [{**_said(one), "tokens": one["tokens"], "mean_tokens": mean}]

    return _of_problems(table, lambda rows, rng: chosen([row for row in rows if row["correct"]], rng), count, seed)


def pairs(table: pd.DataFrame, longer: float, count: int, seed: int) -> Rows:
    """One pair per problem: the shortest right completion, and one of those that should lose against it.

    As in Kimi k1.5 (arXiv 2501.12599, section 2.4), those are wrong ones that are longer, and right ones that are
    `longer` times as long.

    Args:
        table: completions as `r1.questions.lab.sampled` returns them.
        longer: how many times as long a right completion must be to lose.
        count: problems; fewer if fewer have a pair.
        seed: of the choice.

    Returns:
        Rows of `prompt`, `chosen`, `rejected`, `tokens` of the chosen one, and `mean_tokens` of the problem's right
        ones.
    """

    def paired(rows: Rows, rng: random.Random) -> Rows:
        right = [row for row in rows if row["correct"]]
        if not right:
            return []
        best = right[0]
        losers = [row for row in rows if row["tokens"] > best["tokens"] * (longer if row["correct"] else 1)]
        if not losers:
            return []
        mean = sum(row["tokens"] for row in right) / len(right)
        texts = {"chosen": best["completion"], "rejected": rng.choice(losers)["completion"]}
        return [{"prompt": best["prompt"], **texts, "tokens": best["tokens"], "mean_tokens": mean}]

    return _of_problems(table, paired, count, seed)


def _of_problems(table: pd.DataFrame, choose: Callable[[Rows, random.Random], Rows], count: int, seed: int) -> Rows:
    """What is chosen of problems in random order, until there is enough; a problem's completions are shortest first."""
    problems = [as_rows(group.sort_values("tokens", kind="stable")) for _, group in table.groupby("problem")]
    random.Random(seed).shuffle(problems)
    rng = random.Random(seed + 1)
    chosen: Rows = []
    for rows in problems:
        chosen += choose(rows, rng)
    return chosen[:count]


def _said(row: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": row["prompt"], "completion": row["completion"]}
