"""Signed expressions with parentheses: a family RL never trains on (transfer).

Source: reasoning-gym `basic_arithmetic`. Instance: "Calculate (5 - -2) - 3." -> "4".
"""

from collections.abc import Iterator
from typing import Any

from r1.tasks.arithmetic import entries
from r1.tasks.arithmetic import work_out as work_out
from r1.tasks.problem import Problem

NAME = "basic_arithmetic"


def generate(options: dict[str, Any], seed: int) -> Iterator[Problem]:
    """Yield problems without end; options are reasoning-gym's (min_terms, operators, allow_negation, …)."""
    for entry in entries(NAME, options, seed):
        expression = entry["metadata"]["expression"].replace("( ", "(").replace(" )", ")")
        yield Problem(NAME, f"Calculate {expression}.", entry["answer"], (expression,))


def conclude(values: list[int]) -> str:
    """The value itself."""
    return str(values[0])


def verify(predicted: str, gold: str) -> bool:
    """True if the answers are the same text: reasoning-gym's full credit."""
    return predicted == gold
