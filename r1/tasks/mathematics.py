"""Real mathematics: answers in LaTeX or plain numbers, verified by math-verify as TRL's accuracy_reward does.

Instance: gold "0.5", answered "\\frac{1}{2}" -> right. Its problems come from data sets, none are generated here.
"""

import math
import re
import warnings
from collections import Counter
from collections.abc import Sequence

from r1.tasks.math_workers import CPU_SECONDS, MEMORY_BYTES, POOL, Found

NAME = "math"
MAX_CHARACTERS = 2_000
"""Of an answer or a gold answer; what is longer equals nothing."""

_DIGITS = r"(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)"
_FRACTION = r"\\[dt]?frac\s*\{\s*-?\d+\s*\}\s*\{\s*\d+\s*\}"
_POWER = r"(?:\s*\\(?:times|cdot)\s*10\s*\^\s*(?:\d|\{\s*-?\d{1,3}\s*\}))?"
_TEXT_UNIT = r"\\(?:text|mathrm)\{[^{}\dA-Za-z]*[A-Za-z][^{}\d]*\}(?:\^(?:[23]|\{[23]\}))?"
_UNIT = rf"(?:\s*(?:\\?%|\^\{{?\\circ\}}?|{_TEXT_UNIT}|\\(?:text|mathrm)\{{[^{{}}\d]*\}}|[A-Za-z ]+))?"
_GREEK = r"\\(?:alpha|beta|gamma|delta|epsilon|theta|lambda|mu|rho|sigma|tau|varphi|phi|psi|omega)"
# "x", "x_{1}", "AB", "\\theta", "\\angle ABC", "f(x)", "(x, y)"
_NAME = (
    rf"(?:(?:[A-Za-z]\w*|{_GREEK})(?:_\w|_\{{\w+\}})?|\\angle\s*[A-Za-z]+"
    r"|[A-Za-z]\([A-Za-z]\)|\([A-Za-z](?:,\s*[A-Za-z])*\))"
)
# "x = -4", "\\frac{1}{2}", "1,000", "3/4", "2 \\times 10^{5}", "\\$4", "4 cm"
_NUMBER = re.compile(
    rf"\s*(?:{_NAME}\s*=\s*)?(?:\\\$)?[-+−]?\s*"
    rf"(?P<value>{_DIGITS}(?:\s*/\s*{_DIGITS}|\s*{_FRACTION})?|{_FRACTION}){_POWER}{_UNIT}\s*",
    re.ASCII,
)
_WRAPPED = re.compile(r"\s*(?:\$([^$]*)\$|\\\((.*)\\\)|\\(?:boxed|text|textbf|mathbf)\{(.*)\})\s*", re.DOTALL)
_SPACE = re.compile(r"\\[,; ]")
_DIVISION = re.compile(r"/|frac")
# math-verify reads "x + 1 = 4" as 4: only a name may stand before the answer, unless gold is an equation itself.
_NAMED = re.compile(rf"\s*{_NAME}\s*=[^=]*", re.ASCII)
_CHAIN = re.compile(r"=.*=|\\approx|≈|^\s*[-+.\d\s]+=")
_ASKS = re.compile(r"\\(?:equiv|sim|to|implies|Rightarrow|lim|sum|prod|i*int|min|max|gcd|lcm|det|binom)(?![A-Za-z])")
_GROUP = r"\{(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\}"
_POWERS = re.compile(
    r"([)\]}|]?)\s*(?:\^|\*\*)\s*"
    rf"({_GROUP}|\([^()]*\)|\\[A-Za-z]+(?:{_GROUP})*(?![A-Za-z{{])|[-+]?\d+|.)",
    re.ASCII,
)
_TOWER = re.compile(r"\^\s*\{[^}]*(?:\^|\*\*)|\*\*[^*]*\*\*")
_MAX_POWERS, _MAX_OF_GOLD = (50, 20), 9_999  # (x+y+z+w)^{50} takes 5 s
_lost: Counter[str] = Counter()


def verify(predicted: str, gold: str) -> bool:
    """Equal as mathematics, and an answer.

    math-verify also works out what it is given, so that a question would be its
    own answer ("1 + 3" for 4), and a power tower would take its time: neither is
    read. A model that reduces no fraction is still right. What remains: an
    expression need not be as simple as gold, "\\sqrt{50}" passes for "5\\sqrt{2}".
    """
    return verify_all([predicted], [gold])[0]


def verify_all(predicted: Sequence[str], gold: Sequence[str]) -> list[bool]:
    """Each answer [batch] against its gold answer [batch], as many at a time as there are workers.

    What exceeds a worker's limits is wrong, with a warning.

    Raises:
        WorkersFailed: if workers do not start.
    """
    pairs = list(zip(predicted, gold, strict=True))
    # In a group many answers are the same.
    read = list(dict.fromkeys(pair for pair in pairs if _is_answer(*pair)))
    found = POOL.ask([(_boxed(right), _boxed(answer)) for answer, right in read])
    _warn_of_lost([answer for answer, _ in read], found)
    equal = {pair for pair, (value, *_) in zip(read, found, strict=True) if value}
    return [pair in equal for pair in pairs]


def well_written(golds: Sequence[str]) -> list[str]:
    """Gold answers as math-verify reads them: it takes "\\frac12" for gold, but wants \\frac{1}{2} for an answer.

    What it cannot read, or not within a worker's limits, stays as it is.
    """
    read = list(dict.fromkeys(gold for gold in golds if len(gold) <= MAX_CHARACTERS))
    found = POOL.ask([(_boxed(gold),) for gold in read])
    _warn_of_lost(read, found)
    written = {gold: value for gold, (value, *_) in zip(read, found, strict=True) if value}
    return [written.get(gold, gold) for gold in golds]


def _boxed(answer: str) -> str:
    return f"\\boxed{{{answer}}}"


def _warn_of_lost(answers: Sequence[str], found: Sequence[Found]) -> None:
    """Says how many, and in all so far: Python shows the same warning but once."""
    lost = [(answer, why) for answer, (_, why, _) in zip(answers, found, strict=True) if why]
    if lost:
        _lost.update(why for _, why in lost)
        warnings.warn(
            f"math: {len(lost)} answers exceeded the limits and equal nothing, such as {lost[0][0][:80]!a}; "
            f"so far {_lost['time']} took more than {CPU_SECONDS:g} s of processor time, "
            f"{_lost['memory']} more than {MEMORY_BYTES >> 20} MiB",
            stacklevel=3,
        )


def _is_answer(predicted: str, gold: str) -> bool:
    if max(len(predicted), len(gold)) > MAX_CHARACTERS:
        return False
    return _is_number(predicted, gold) if _number(gold) else _is_expression(predicted, gold)


def _number(answer: str) -> str | None:
    """The value of an answer that is one number, without its name, unit and dress; None of any other."""
    text = answer
    while wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[wrapped.lastindex or 0]
    found = _NUMBER.fullmatch(_SPACE.sub(" ", text.replace("\\!", "").replace("{,}", ",")))
    return found["value"] if found else None


def _is_number(predicted: str, gold: str) -> bool:
    """One number; a fraction only where gold is no whole number: "8/2" is to be worked out."""
    value, right = _number(predicted), _number(gold) or ""
    whole = not _DIVISION.search(right) and "." not in right
    return value is not None and not (whole and _DIVISION.search(value))


def _is_expression(predicted: str, gold: str) -> bool:
    """One expression, or whatever gold is, that leaves no integral, limit, … to be worked out which gold does not.

    Nor powers that would take minutes: of a number, of a sum, of powers.
    """
    if _CHAIN.search(predicted) or ("=" in predicted and "=" not in gold and not _NAMED.fullmatch(predicted)):
        return False
    if ("!" in predicted and "!" not in gold) or (_TOWER.search(predicted) and not _TOWER.search(gold)):
        return False
    for power, bound, usual in zip(_powers(predicted), _powers(gold), _MAX_POWERS, strict=True):
        if power > min(max(bound, usual), _MAX_OF_GOLD):
            return False
    return set(_ASKS.findall(predicted)) <= set(_ASKS.findall(gold))


def _powers(text: str) -> tuple[int, int]:
    """The highest exponent, and the product of those on brackets, which may be nested: ((x + 1)^9)^9 has 9 and 81."""
    found = _POWERS.findall(re.sub(r"\\(?:left|right)(?![A-Za-z])", "", text))
    powers = [(base, _size(exponent)) for base, exponent in found]
    return max((power for _, power in powers), default=1), math.prod(power for base, power in powers if base)


def _size(exponent: str) -> int:
    """At most so much, of whatever its numbers are made; beyond bounds if it is nested too deep to be read."""
    if exponent in ("{", "(", "\\"):
        return _MAX_OF_GOLD + 1
    return math.prod(max(1, int(number)) for number in re.findall("[0-9]+", exponent))
