"""Equations, inequalities, memberships, and lists of them."""

import re
from collections.abc import Callable
from itertools import pairwise

from r1.tasks.answers.expressions import expression
from r1.tasks.answers.kinds import Answer, Equation, Expression, Interval, Relation, Series, Text
from r1.tasks.answers.quantities import Quantity, number
from r1.tasks.answers.splitting import depths

_OPERATOR = re.compile(r"\\(?:le|ge|ne|in|approx)(?![A-Za-z])|[<>=]")
_OTHER = re.compile(
    r"\\(?:equiv|sim|simeq|cong|to|iff|implies|Rightarrow|subset|parallel|perp|propto)(?![A-Za-z])|==|≡"
)
_LESS = {"<": "<", "\\le": "\\le", ">": "<", "\\ge": "\\le"}
_GREEK = r"\\(?:alpha|beta|gamma|delta|epsilon|theta|lambda|mu|rho|sigma|tau|phi|varphi|psi|omega|Delta|Omega|Sigma)"
_LETTER = rf"(?:[A-Za-z]|{_GREEK}) ?'*(?: ?_ ?\{{[^{{}}]*\}})?"
_VARIABLE = re.compile(_LETTER)
_NAME = re.compile(
    rf"{_LETTER}|[A-Za-z][A-Za-z ]*|[\u4e00-\u9fff]+"
    r"|\|[A-Za-z ]+\||m?\\angle ?[A-Za-z]+|\\overline ?\{[A-Za-z]+\}|\\lim ?_ ?\{[^{}]*\} ?[A-Za-z]\([A-Za-z]\)"
    r"|[A-Za-z](?: ?\^ ?\{-1\})?'*(?: ?_ ?\{[^{}]*\})? ?\((?P<of>[^()]*(?:\([^()]*\))?[^()]*)\)"
    rf"|\( ?{_LETTER}(?: ?, ?{_LETTER})* ?\)"
)
_ONE_THING = re.compile(
    r"\\(?:sqrt|sin|cos|tan|ln|log|frac|binom)(?![A-Za-z])[^=+]*|[A-Za-z]!|[a-z](?: ?\+ ?[a-z])+|\|[^|]*\||\\\|.*\\\|"
)
_X, _Y = (rf"(?<![A-Za-z]){letter}(?![A-Za-z])" for letter in "xy")
_CURVE = re.compile(rf"{_X}.*{_Y}|{_Y}.*{_X}")
_UNKNOWN = re.compile(r"(?<![A-Za-z])(?!e(?![A-Za-z]))[A-Za-z]")


def relation(text: str, inner: Callable[[str], Answer]) -> Answer | None:
    """An answer with an operator of comparison outside its brackets; text, if it is none that we read."""
    levels = depths(text)
    found = [match for match in _OPERATOR.finditer(text) if levels[match.start()] == 0]
    if not found:
        return None
    nothing = Answer(text, Text(words=False))
    if any(levels[match.start()] == 0 for match in _OTHER.finditer(text)):
        return nothing
    edges = [0, *(edge for match in found for edge in match.span()), len(text)]
    terms = [text[start:end].strip() for start, end in zip(edges[::2], edges[1::2], strict=True)]
    operators = [match[0] for match in found]
    if not all(terms):
        return nothing
    if all(operator in _LESS for operator in operators):
        return _inequality(text, terms, operators) or nothing
    if len(terms) != 2:
        return nothing
    (left, right), (operator,) = terms, operators
    if operator == "\\in":
        return _member(text, left, inner(right)) or nothing
    if operator == "\\ne":
        return _except(text, left, right) or nothing
    return _equation(text, left, right, inner) or nothing


def _equation(text: str, left: str, right: str, inner: Callable[[str], Answer]) -> Answer | None:
    named = _NAME.fullmatch(left)
    if named is None and _NAME.fullmatch(right) and number(left) is not None:
        left, right, named = right, left, _NAME.fullmatch(right)
    value = inner(right)
    if isinstance(value.what, Equation | Relation):
        return None
    if named is not None:
        of = named["of"] or ""
        return Answer(text, Equation(_plain(left), bool(re.search(r"\d", of)), value, (left, right)))
    one = _ONE_THING.fullmatch(left) is not None and not _CURVE.search(left)
    if not (_is_askable(left) and _is_askable(right)):
        # Nothing to ask sympy about, but what it says may be plain: \\|v\\| = 2.
        return Answer(text, Equation(_plain(left), True, value, (left, right))) if one else None
    return Answer(text, Relation("=", (left, right), value if one else _solved(left, value)))


def _solved(left: str, value: Answer) -> Answer | None:
    """2 of 2x = 4."""
    found, right = re.fullmatch(r"(-?\d+) ?[A-Za-z]", left), value.what
    if found is None or not int(found[1]) or not isinstance(right, Quantity) or right.unit:
        return None
    solution = right.value / int(found[1])
    return Answer(str(solution), Quantity(solution, True, solution.denominator == 1, ""))


def _inequality(text: str, terms: list[str], operators: list[str]) -> Answer | None:
    """In ascending order: an interval of a variable, a relation, or a chain."""
    falling = operators[0] in (">", "\\ge")
    if any((operator in (">", "\\ge")) != falling for operator in operators):
        return None
    if falling:
        terms, operators = terms[::-1], operators[::-1]
    operators = [_LESS[operator] for operator in operators]
    closed = [operator == "\\le" for operator in operators]
    if len(terms) == 2:
        (low, high), (shut,) = terms, closed
        if _VARIABLE.fullmatch(low) and _is_constant(high):
            return Answer(text, Interval(end("-\\infty"), end(high), (False, shut), _plain(low)))
        if _VARIABLE.fullmatch(high) and _is_constant(low):
            return Answer(text, Interval(end(low), end("\\infty"), (shut, False), _plain(high)))
        if _is_askable(low) and _is_askable(high) and not (_is_constant(low) and _is_constant(high)):
            return Answer(text, Relation("\\le" if shut else "<", (low, high)))
        return None
    if len(terms) == 3 and _VARIABLE.fullmatch(terms[1]) and _is_constant(terms[0]) and _is_constant(terms[2]):
        return Answer(text, Interval(end(terms[0]), end(terms[2]), (closed[0], closed[1]), _plain(terms[1])))
    joined = terms[0] + "".join(f" {operator} {term}" for operator, term in zip(operators, terms[1:], strict=True))
    return Answer(joined, Text(words=False))


def _member(text: str, left: str, right: Answer) -> Answer | None:
    if not _VARIABLE.fullmatch(left):
        return None
    if isinstance(right.what, Interval):
        what = Interval(right.what.low, right.what.high, right.what.closed, _plain(left))
        return Answer(right.text if right.text == "\\mathbb{R}" else text, what)
    if isinstance(right.what, Series) and right.what.form in ("set", "union"):
        return Answer(text, right.what)
    if isinstance(right.what, Series) and right.what.form in ("tuple", "[") and len(right.what.items) == 2:
        shut = right.what.form == "["
        return Answer(text, Interval(*right.what.items, (shut, shut), _plain(left)))
    return None


def _except(text: str, left: str, right: str) -> Answer | None:
    return without(text, (end(right),)) if _VARIABLE.fullmatch(left) and _is_constant(right) else None


def without(text: str, points: tuple[Answer, ...]) -> Answer | None:
    """The real numbers without some: a union of open intervals."""
    numbers = [(point.what.value, point) for point in points if isinstance(point.what, Quantity)]
    if len(points) > 1 and len(numbers) != len(points):
        return None
    inner = [point for _, point in sorted(numbers, key=lambda pair: pair[0])] or list(points)
    gaps = pairwise([end("-\\infty"), *inner, end("\\infty")])
    return Answer(text, Series(tuple(Answer("", Interval(*gap, (False, False))) for gap in gaps), "union"))


def gathered(text: str, items: list[Answer]) -> Answer | None:
    """A list of values; of one name's values, n = 2, 3, 4; or of several names', which stay equations."""
    first = items[0].what
    equations = [item.what for item in items if isinstance(item.what, Equation)]
    if (
        isinstance(first, Equation)
        and len(equations) == 1
        and not any(isinstance(item.what, Relation | Interval | Text) for item in items[1:])
    ):
        values = (first.value, *items[1:])
        series = Answer(text.partition("=")[2].strip(), Series(_flat(values), "list"))
        return Answer(text, Equation(first.name, first.of_number, series))
    if len(equations) == len(items) and len({equation.name for equation in equations}) == 1:
        values = tuple(equation.value for equation in equations)
        series = Answer(text, Series(_flat(values), "list"))
        return Answer(text, Equation(equations[0].name, equations[0].of_number, series))
    return Answer(text, Series(_flat(tuple(items)), "list"))


def _flat(items: tuple[Answer, ...]) -> tuple[Answer, ...]:
    return tuple(
        one
        for item in items
        for one in (item.what.items if isinstance(item.what, Series) and item.what.form == "list" else (item,))
    )


def _is_constant(text: str) -> bool:
    """A number, or an expression without letters but e and π."""
    if number(text) is not None or re.fullmatch(r"[-+]? ?\\infty", text):
        return True
    return expression(text) is not None and not _UNKNOWN.search(re.sub(r"\\[A-Za-z]+", "", text))


def _is_askable(side: str) -> bool:
    return number(side) is not None or expression(side) is not None


def end(text: str) -> Answer:
    """An end of an interval."""
    text = text.strip().removeprefix("+").strip()
    value: Quantity | Expression | None = number(text) or expression(text)
    return Answer(text, value if value is not None else Text(words=False))


def _plain(name: str) -> str:
    """A name without what may stand around it: |AB|, AB and \\\\overline{AB} are one length."""
    return re.sub(r"\\(?:angle|overline|triangle)|[|{} ]|^m(?=\\angle)", "", name)
