"""What sympy is not asked: a question as its own answer, and powers that would take it minutes.

The limits of a worker (r1/tasks/math_workers.py) would end it, but each time costs seconds and a new worker.
"""

import math
import re

_ASKS = re.compile(r"\\binom(?![A-Za-z])|!")
_GROUP = r"\{(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\}"
_POWERS = re.compile(
    r"([)\]}|]?)\s*\^\s*"
    rf"({_GROUP}|\([^()]*\)|\\[A-Za-z]+(?:{_GROUP})*(?![A-Za-z{{])|[-+]?\d+|.)",
    re.ASCII,
)
_TOWER = re.compile(r"\^\s*\{[^}]*\^")
_MAX_POWER, _MAX_IN_TOWER, _MAX_OF_GOLD = 1_000, 50, 9_999


def is_askable(predicted: str, gold: str) -> bool:
    """Nothing is left to be worked out that gold does not leave, and no power is far beyond gold's."""
    if not set(_ASKS.findall(predicted)) <= set(_ASKS.findall(gold)):
        return False
    tower = _TOWER.search(predicted)
    if tower and not _TOWER.search(gold):
        return False
    usual = _MAX_IN_TOWER if tower else _MAX_POWER
    return all(
        power <= min(max(bound, usual), _MAX_OF_GOLD)
        for power, bound in zip(_powers(predicted), _powers(gold), strict=True)
    )


def _powers(text: str) -> tuple[int, int]:
    """The highest exponent, and the product of those on brackets, which may be nested: ((x + 1)^9)^9 has 9 and 81."""
    powers = [(base, _size(exponent)) for base, exponent in _POWERS.findall(text)]
    return max((power for _, power in powers), default=1), math.prod(power for base, power in powers if base)


def _size(exponent: str) -> int:
    """At most so much, of whatever its numbers are made; beyond bounds if it is nested too deep to be read."""
    if exponent in ("{", "(", "\\"):
        return _MAX_OF_GOLD + 1
    return math.prod(max(1, int(number)) for number in re.findall("[0-9]+", exponent))
