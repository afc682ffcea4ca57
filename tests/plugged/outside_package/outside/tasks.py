"""Twice a number, with a worked solution, so that documents can be written about it."""

import random
from collections.abc import Iterator
from typing import Any

from r1.tasks import Problem

from .numbers import double


class Doubling:
    def generate(self, options: dict[str, Any], seed: int) -> Iterator[Problem]:
        if set(options) != {"largest"}:
            raise ValueError(f"options {options} of doubling: needs largest, and nothing else")
        rng = random.Random(seed)
        while True:
            number = rng.randint(1, options["largest"])
            answer = str(double(number))
            yield Problem("", f"What is twice {number}?", answer, solution=f"First {number} + {number} = {answer}.")

    def verify(self, predicted: str, gold: str) -> bool:
        return int(predicted) == int(gold)
