"""Real mathematics: answers in LaTeX or plain numbers, verified by math-verify through TRL's accuracy_reward.

Instance: gold "0.5", answered "\\frac{1}{2}" -> right. Its problems come from data sets, none are generated here.
"""

import re

NAME = "math"
_DIGITS = r"(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)"
_FRACTION = r"\\[dt]?frac\s*\{\s*-?\d+\s*\}\s*\{\s*\d+\s*\}"
_POWER = r"(?:\s*\\(?:times|cdot)\s*10\s*\^\s*(?:\d|\{\s*-?\d{1,3}\s*\}))?"
_UNIT = r"(?:\s*(?:\\?%|\^\{?\\circ\}?|\\(?:text|mathrm)\{[^{}\d]*\}|[A-Za-z ]+))?"
# "x = -4", "\\frac{1}{2}", "1,000", "3/4", "2 \\times 10^{5}", "\\$4", "4 cm", bare or in $…$ or \\boxed{…}
_NUMBER = re.compile(
    rf"\s*(?:\$|\\boxed\{{)?\s*(?:[A-Za-z]\s*=\s*)?(?:\\\$)?[-+−]?\s*"
    rf"(?:{_DIGITS}(?:\s*/\s*{_DIGITS}|\s*{_FRACTION})?|{_FRACTION}){_POWER}{_UNIT}\s*(?:\$|\}})?\s*",
    re.ASCII,
)
_DIVISION = re.compile(r"/|frac")
# math-verify reads "x + 1 = 4" as 4: only a name may stand before the answer, unless gold is an equation itself.
_NAMED = re.compile(r"\s*(?:[A-Za-z]\w*|[A-Za-z]\([A-Za-z]\)|\([A-Za-z](?:,\s*[A-Za-z])*\))\s*=[^=]*", re.ASCII)
_CHAIN = re.compile(r"=.*=|\\approx|≈|^\s*[-+.\d\s]+=")
_ASKS = re.compile(r"\\(?:equiv|sim|to|implies|Rightarrow|lim|sum|prod|i*int|min|max|gcd|lcm|det|binom)(?![A-Za-z])")


def verify(predicted: str, gold: str) -> bool:
    """Equal as mathematics, and an answer.

    math-verify also works out what it is given, so that a question would be its
    own answer ("1 + 3" for 4), and a power tower would take its time: neither is
    read. A model that reduces no fraction is still right.
    """
    from trl.rewards import accuracy_reward

    if not (_is_number(predicted, gold) if _NUMBER.fullmatch(gold) else _is_expression(predicted, gold)):
        return False
    completion = [{"role": "assistant", "content": f"\\boxed{{{predicted}}}"}]
    return bool(accuracy_reward([completion], [f"\\boxed{{{gold}}}"])[0] == 1.0)


def well_written(gold: str) -> str:
    """A gold answer as math-verify reads it: it takes "\\frac12" for gold, but wants \\frac{1}{2} for an answer."""
    from math_verify import parse

    read = parse(f"\\boxed{{{gold}}}")
    return str(read[-1]) if read else gold


def _is_number(predicted: str, gold: str) -> bool:
    """One number; a fraction only where gold is no whole number: "8/2" is to be worked out."""
    whole = not _DIVISION.search(gold) and "." not in gold
    return _NUMBER.fullmatch(predicted) is not None and not (whole and _DIVISION.search(predicted))


def _is_expression(predicted: str, gold: str) -> bool:
    """One expression, or whatever gold is, that leaves no integral, limit, … to be worked out which gold does not."""
    if _CHAIN.search(predicted) or ("=" in predicted and "=" not in gold and not _NAMED.fullmatch(predicted)):
        return False
    return set(_ASKS.findall(predicted)) <= set(_ASKS.findall(gold))
