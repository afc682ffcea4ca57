"""Sums and differences of complex numbers: a second family that RL never trains on (transfer).

Source: reasoning-gym `complex_arithmetic`. Instance: "Add (8 - 2i) + (7 + 5i)." -> "15 + 3i".
"""

import re
from collections.abc import Iterator
from typing import Any

from r1.tasks.answers.spelling import spelled
from r1.tasks.arithmetic import entries
from r1.tasks.arithmetic import work_out as work_out
from r1.tasks.problem import Problem

NAME = "complex_arithmetic"
_VERB = {"+": "Add", "-": "Subtract"}
_COMPLEX = re.compile(r"\s*(-?\d+) ([+-]) (\d+)i\s*")
# What a model may answer with. reasoning-gym's own parser takes "nan" for any number, and any script's digits.
_READABLE = re.compile(r"\s*[+-]?\d+(?:\.\d+)?(?:\s*[+-]\s*\d*(?:\.\d+)? ?i)?\s*|\s*[+-]?\d*(?:\.\d+)? ?i\s*", re.ASCII)
_TURNED = re.compile(r"([+-]?\d*(?:\.\d+)?i)([+-]\d+(?:\.\d+)?)", re.ASCII)


def generate(options: dict[str, Any], seed: int) -> Iterator[Problem]:
    """Yield problems without end; options are reasoning-gym's (min_real, max_real, min_imag, max_imag)."""
    for entry in entries(NAME, {"operations": ["+", "-"], "operations_weights": [0.5, 0.5], **options}, seed):
        metadata = entry["metadata"]
        symbol = metadata["operation"]
        (a, b), (c, d) = ([int(part) for part in metadata[key]] for key in ("num1", "num2"))
        values = [a + c, b + d] if symbol == "+" else [a - c, b - d]
        yield Problem(
            NAME,
            f"{_VERB[symbol]} ({_show(a, b)}) {symbol} ({_show(c, d)}).",
            conclude(values),
            (f"{a} {symbol} {c}", f"{b} {symbol} {d}"),
        )


def conclude(values: list[int]) -> str:
    """Real and imaginary part."""
    return _show(values[0], values[1])


def verify(predicted: str, gold: str) -> bool:
    """Equal real and imaginary parts: reasoning-gym's full credit; brackets and LaTeX make no difference."""
    match, said = _COMPLEX.fullmatch(gold), _plain(predicted)
    if match is None or said is None:
        return False
    return complex("".join(said.split()).replace("i", "j")) == complex(int(match[1]), int(match[2] + match[3]))


def _plain(predicted: str) -> str | None:
    """The number alone, the real part first; None if it is none."""
    text = re.sub(r"^[a-z] ?= ?", "", spelled(predicted) or "")
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    if turned := _TURNED.fullmatch(text.replace(" ", "")):
        imaginary, real = turned.groups()
        text = real + (imaginary if imaginary[0] in "+-" else f"+{imaginary}")
    return text if _READABLE.fullmatch(text) else None


def _show(real: int, imaginary: int) -> str:
    return f"{real} {'-' if imaginary < 0 else '+'} {abs(imaginary)}i"
