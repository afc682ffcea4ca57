"""Equations that are solved by trial: the family in which trying again pays.

Modelled on TinyZero's countdown, with operations that a model of a million parameters learns. Instance:
"Find x: 4 * x + 5 = 13." -> "2". Authors in the corpus try 1, 2, 3, … (r1/data/documents.py).
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from r1.tasks.arithmetic import same_number
from r1.tasks.problem import Problem

NAME = "search"
_QUESTION = re.compile(r"Find x: (?:(\d+) \* x ([+-]) (\d+)|(\d+) \+ (\d+) \* x) = (-?\d+)\.", re.ASCII)


@dataclass(frozen=True)
class Equation:
    """`factor * x sign rest = target`; without a sign, `rest + factor * x = target`."""

    factor: int
    sign: str
    rest: int
    target: int

    @property
    def question(self) -> str:
        """As the user asks it; `parse` reads it back."""
        return f"Find x: {self._left(f'{self.factor} * x')} = {self.target}."

    def attempt(self, x: int) -> tuple[str, int]:
        """The last operation of the left side at this x, and its value.

        >>> Equation(4, "+", 5, 13).attempt(2)
        ('8 + 5', 13)
        """
        product = self.factor * x
        return self._left(product), product - self.rest if self.sign == "-" else product + self.rest

    def _left(self, product: int | str) -> str:
        return f"{product} {self.sign} {self.rest}" if self.sign else f"{self.rest} + {product}"


def parse(question: str) -> Equation:
    """The equation that a question asks to solve.

    Raises:
        ValueError: if it is not one of this family's questions.
    """
    found = _QUESTION.fullmatch(question)
    if found is None:
        raise ValueError(f"not a question of {NAME}: {question!r}")
    factor, sign, rest, constant, times, target = found.groups()
    if constant is None:
        return Equation(int(factor), sign, int(rest), int(target))
    return Equation(int(times), "", int(constant), int(target))


def generate(options: dict[str, Any], seed: int) -> Iterator[Problem]:
    """Yield problems without end.

    Args:
        options: min_answer and max_answer, the bounds of x, from 1; constant_first, true for "5 + 4 * x = 13".
        seed: for the equations.

    Raises:
        ValueError: if an option is unknown, missing or impossible.
    """
    if set(options) != {"min_answer", "max_answer", "constant_first"} or not (
        1 <= options["min_answer"] <= options["max_answer"]
    ):
        raise ValueError(
            f"options {options} of {NAME}: needs 1 <= min_answer <= max_answer, constant_first, and nothing else"
        )
    rng = random.Random(seed)
    while True:
        x, factor = rng.randint(options["min_answer"], options["max_answer"]), rng.randint(2, 9)
        sign = "" if options["constant_first"] else rng.choice("+-")
        equation = Equation(factor, sign, rng.randint(1, 9), 0)
        _, target = equation.attempt(x)
        yield Problem(NAME, replace(equation, target=target).question, str(x))


def verify(predicted: str, gold: str) -> bool:
    """True if the answers are equal numbers, in plain ASCII."""
    return same_number(predicted, gold)
