"""How often the steps that a model writes are right: "base quality is key" (arXiv 2502.02523), step by step.

RL can only combine what the base does right. A try that is made of four parts, each right nine times in ten, misleads
one time in three, and trying again then pays little.
"""

import re
from collections.abc import Iterator

import pandas as pd

from r1.tasks import search

_OPERATION = re.compile(r"(?<![\d.])(-?\d+) ([-+*]) (-?\d+) (?:=|得) (-?\d+)(?![\d.]*\d)", re.ASCII)
_TRY = re.compile(
    r"(?:try|试) (?P<x>\d+): (?P<operation>-?\d+ [-+] \d+) (?:=|得) (?P<value>-?\d+)(?:, |，)"
    r"(?P<verdict>not|that is|不是|就是) (?P<target>-?\d+)[.。]",
    re.IGNORECASE | re.ASCII,
)

OPERATION, NEXT, SETUP, TARGET, VERDICT = "operation", "next try", "set-up of a try", "target of a try", "verdict"
"""Kinds of steps: an operation's result, given its operands; then of a `search` problem's tries: the number tried, the
operation written down for it, the target copied from the question, and whether value and target are equal."""


def steps(prompt: str, completion: str, task: str) -> Iterator[tuple[str, bool]]:
    """Yield the steps of one completion: the kind of each, and whether it is right given the steps before it.

    >>> list(steps("What is 5 - 3?", "First 5 - 3 = 3.", "chain_sum"))
    [('operation', False)]
    """
    for left, operator, right, value in _OPERATION.findall(completion):
        a, b = int(left), int(right)
        yield OPERATION, int(value) == {"+": a + b, "-": a - b, "*": a * b}[operator]
    if task != search.NAME:
        return
    equation, last = search.parse(prompt), 0
    for found in _TRY.finditer(completion):
        x, target = int(found["x"]), int(found["target"])
        yield NEXT, x == last + 1
        yield SETUP, found["operation"] == equation.attempt(x)[0]
        yield TARGET, target == equation.target
        yield VERDICT, (found["verdict"].lower() in ("that is", "就是")) == (int(found["value"]) == target)
        last = x


def competence(samples: pd.DataFrame) -> pd.DataFrame:
    """The share of right steps per problem.

    Args:
        samples: rows of `problem`, `prompt`, `completion`, `task`, `family`, `level`.

    Returns:
        A row per problem and kind of step that its completions contain: problem, family, level, step, right (a share
        of the steps), count (their number).
    """
    found = [
        {**{key: row[key] for key in ("problem", "family", "level")}, "step": kind, "right": right}
        for row in samples.to_dict("records")
        for kind, right in steps(row["prompt"], row["completion"], row["task"])
    ]
    rows = pd.DataFrame(found, columns=["problem", "family", "level", "step", "right"])
    keys = ["problem", "family", "level", "step"]
    return rows.groupby(keys, sort=False)["right"].agg(right="mean", count="size").reset_index()
