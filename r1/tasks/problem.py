"""One verifiable problem, and the protocol of the small files that generate them."""

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
        task: name of the family that made it and verifies its answers; a plug-in's is filled in.
        question: the text a user would type.
        answer: the gold answer; of code, its tests.
        expressions: what to work out, in order, to get there; the task's
            `conclude` makes the answer of their values; none where a worked solution comes along.
        solution: worked out by whoever made the problem, a step a line; "" where expressions are.
    """

    task: str
    question: str
    answer: str
    expressions: tuple[str, ...] = ()
    solution: str = ""

    @property
    def identity(self) -> str:
        """Normalised question: what makes two problems the same problem."""
        return normalise(f"{self.task} {self.question}")


class Task(Protocol):
    """A family of problems: a module with these functions."""

    def generate(self, options: dict[str, Any], seed: int) -> Iterator[Problem]:
        """Yield problems without end, the same ones for the same seed."""

    def verify(self, predicted: str, gold: str) -> bool:
        """True if the predicted final answer equals the gold answer."""


class Worked(Task, Protocol):
    """A family whose problems are expressions, so that the corpus' authors can work them out, and slip."""

    def work_out(self, expression: str, record: Callable[[str, Any], Any]) -> Any:
        """Value of an expression: `record` gets each operation with its right result and returns the one to use."""

    def conclude(self, values: list[Any]) -> str:
        """The answer that follows from the values of a problem's expressions."""


def normalise(text: str) -> str:
    """Case, white space and punctuation removed, so that only what is asked remains.

    So are differences of encoding (Unicode's NFKC): "é" is one character or two, "５" is 5.

    >>> normalise("What is  5 - 3?") == normalise("what is 5 - 3")
    True
    """
    return " ".join(re.findall(r"[\w+*/()-]+", unicodedata.normalize("NFKC", text).lower()))


def bucket(identity: str, buckets: int = 100) -> int:
    """A number in [0, buckets) that depends on the identity alone.

    Splits are sets of buckets: whoever generates a problem, whenever, it falls
    into the same split, so no problem can be in two of them.
    """
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big") % buckets
