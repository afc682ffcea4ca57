"""Chains of sums and differences: the family RL trains on.

Source: reasoning-gym `chain_sum`. Instance: "What is 4 - 1 - 7 + 7?" -> "3".
Questions are shorter than reasoning-gym's, to fit the miniature's context window.
"""

from collections.abc import Iterator
from typing import Any

from r1.tasks.arithmetic import entries, same_number
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
    """True if the answers are equal numbers, in plain ASCII: "0,4", "４" and "nan" are wrong.

    Otherwise reasoning-gym's full credit; it gives partial credit for text around the answer.
    """
    return same_number(predicted, gold)
