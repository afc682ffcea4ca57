"""What an answer can be: numbers are `quantities.Quantity`, the rest stands here."""

import re
from dataclasses import dataclass, field
from typing import Literal

from r1.tasks.answers.quantities import Quantity


@dataclass(frozen=True)
class Expression:
    """LaTeX that sympy may be asked about, and a unit behind it."""

    latex: str
    unit: str = ""


@dataclass(frozen=True)
class Text:
    """Whatever is known by its letters alone: names, vectors, congruences."""

    words: bool
    """English words, whose case does not count."""


@dataclass(frozen=True)
class Choice:
    """A letter of a multiple choice, and the answer behind it: (C) 12."""

    letter: str
    behind: "Answer | None" = None


@dataclass(frozen=True)
class Based:
    """Digits in a base."""

    digits: str
    base: int


@dataclass(frozen=True)
class Clock:
    """A time of day in twelve hours."""

    time: str
    half: str


@dataclass(frozen=True)
class Series:
    """Several answers: as a list or a set (in any order) or as a tuple, "[" for brackets."""

    items: tuple["Answer", ...]
    form: Literal["list", "set", "tuple", "[", "letters", "ratio", "units", "union"]


@dataclass(frozen=True)
class Decimal:
    """3,14 is a decimal to some, and two numbers to others."""

    number: Quantity
    pair: Series


@dataclass(frozen=True)
class Interval:
    """From low to high; of a variable, where an inequality says so."""

    low: "Answer"
    high: "Answer"
    closed: tuple[bool, bool]
    variable: str = ""


@dataclass(frozen=True)
class Equation:
    """A name and its value. `of_number` if the name is a function's at a number: f(3) = 7 says more than 7."""

    name: str
    of_number: bool
    value: "Answer"
    sides: tuple[str, str] | None = None
    """As LaTeX that sympy may be asked about; None if the name has several values."""


@dataclass(frozen=True)
class Relation:
    """Any other equation or inequality: its two sides, as LaTeX that sympy may be asked about."""

    operator: Literal["=", "<", "\\le"]
    sides: tuple[str, str]
    value: "Answer | None" = None
    """What it says of its left side, if that is one thing: 6 of n! = 6."""


@dataclass(frozen=True)
class Matrix:
    """Cells by row, or its determinant."""

    rows: tuple[tuple["Answer", ...], ...]
    determinant: bool


@dataclass(frozen=True)
class Answer:
    """What an answer is, and its one spelling."""

    text: str
    what: (
        "Quantity | Expression | Text | Choice | Based | Clock | Series | Decimal | Interval | Equation | Relation"
        " | Matrix"
    )
    key: str = field(init=False)
    """Spelling without white space, but what parts two numbers: 3 5/8 is not 35/8, nor is 1, 234 a number."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", re.sub(r"(?<!\d) +(?!\d{3}(?!\d))|(?<!\d)(?<!\d,) +| +(?!\d)", "", self.text))
