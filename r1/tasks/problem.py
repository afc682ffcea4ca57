"""A verifiable problem, and the protocols of the modules that generate them."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Problem:
    """A question with one verifiable answer.

    Attributes:
        task: name of the task that generates it and verifies its answers; filled in for a plug-in.
        question: the user's message.
        answer: the gold answer; for code, its tests.
        expressions: expressions to work out, in order; the task's `conclude` turns their values into the answer. Empty
            for a problem with a solution.
        solution: worked solution by the problem's generator, one step per line; "" for a problem with expressions.
    """

    task: str
    question: str
    answer: str
    expressions: tuple[str, ...] = ()
    solution: str = ""

    @property
    def identity(self) -> str:
        """Normalised task and question; two problems with the same identity are the same."""
        return normalise(f"{self.task} {self.question}")


class Task(Protocol):
    """A family of problems: a module with these functions."""

    def generate(self, options: dict[str, Any], seed: int) -> Iterator[Problem]:
        """Yield problems without end, the same ones for the same seed."""

    def verify(self, predicted: str, gold: str) -> bool:
        """True if the predicted final answer matches the gold answer."""


class Worked(Task, Protocol):
    """A family whose problems are expressions, which the corpus works out, with slips."""

    def work_out(self, expression: str, record: Callable[[str, Any], Any]) -> Any:
        """The value of an expression: `record` gets each operation and its right result, returns the value to use."""

    def conclude(self, values: list[Any]) -> str:
        """The answer that follows from the values of a problem's expressions."""


def normalise(text: str) -> str:
    """Normalise case, white space, punctuation and Unicode encoding (NFKC).

    "é" may be one character or two, and "５" is 5.

    >>> normalise("What is  5 - 3?") == normalise("what is 5 - 3")
    True
    """
    return " ".join(re.findall(r"[\w+*/()-]+", unicodedata.normalize("NFKC", text).lower()))


def bucket(identity: str, buckets: int = 100) -> int:
    """A number in [0, buckets) that depends only on the identity.

    Splits are sets of buckets: a problem always falls into the same split, whatever generates it, so none can be in
    two.
    """
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") % buckets
