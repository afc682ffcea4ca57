"""Sums and differences in a row: the family that RL trains on.

Source: reasoning-gym `chain_sum`. Instance: "What is 4 - 1 - 7 + 7?" -> "3".
The question is asked in fewer words than reasoning-gym's, for the miniature's context.
"""

from collections.abc import Iterator
from typing import Any

from r1.tasks.arithmetic import entries, is_number, score
from r1.tasks.arithmetic import work_out as work_out
from r1.tasks.problem import Problem

NAME = "chain_sum"


def generate(options: dict[str, Any], seed: int) -> Iterator[Problem]:
    """Yield problems without end; options are reasoning-gym's (min_terms, max_terms, min_digits, max_digits)."""
    for entry in entries(NAME, options, seed):
        expression = entry["metadata"]["expression"]
        yield Problem(NAME, f"What is {expression}?", entry["answer"], (expression,))


def conclude(values: list[int]) -> str:
    """The value itself."""
    return str(values[0])


def verify(predicted: str, gold: str) -> bool:
    """Equal as numbers; only plain ASCII numbers are read, so that "0,4", "４" or "nan" is no answer."""
    return is_number(predicted) and score(NAME, predicted, {"answer": gold})
