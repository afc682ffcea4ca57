"""Whether two answers say the same: part by part, exactly, and what cannot be decided is not the same.

Sympy is asked through a function of the caller's, about two expressions at a time; everything else is decided here.
"""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Literal

from r1.tasks.answers.expressions import expression
from r1.tasks.answers.kinds import (
    Answer,
    Based,
    Choice,
    Clock,
    Decimal,
    Equation,
    Expression,
    Interval,
    Matrix,
    Relation,
    Series,
    Text,
)
from r1.tasks.answers.quantities import Quantity, number, same_unit

Question = tuple[str, str, Literal["equal", "line", "side"]]
"""Gold's LaTeX, an answer's, and whether they are equal, or one a multiple of the other ("side": a positive one)."""
Ask = Callable[[Question], bool]
"""Must only ever say no of what is not so: a yes may be provisional."""


def match(gold: Answer, answer: Answer, ask: Ask, alone: bool = True) -> bool:
    """True if they say the same.

    Args:
        gold: may say more than the answer has to: of `x = 5`, 5 is enough.
        answer: is to be worked out as far as gold is.
        ask: see `Ask`; called for expressions alone.
        alone: the whole answer, where a whole number is to be worked out; within a matrix, 8/2 passes for 4.
    """
    if gold.key and gold.key == answer.key:
        return True
    g, a = gold.what, answer.what
    if isinstance(a, Decimal) and not isinstance(g, Decimal):
        if isinstance(g, Quantity):
            return not g.integer and _numbers(g, a.number, alone)
        return match(gold, Answer(answer.text, a.pair), ask, alone)
    if isinstance(g, Choice) or isinstance(a, Choice):
        return _choices(gold, answer, ask, alone)
    if _is_system(g) or _is_system(a):
        return _systems(gold, answer, ask)
    if isinstance(g, Equation | Relation) or isinstance(a, Equation | Relation):
        return _relations(gold, answer, ask, alone)
    match g, a:
        case Quantity(), Quantity():
            return _numbers(g, a, alone)
        case Expression(), Quantity() | Expression():
            unit = a.unit
            if isinstance(a, Quantity) and unit == "degree" and "\\pi" in g.latex:
                return ask((g.latex, f"({_latex(a)})\\cdot\\frac{{\\pi}}{{180}}", "equal"))
            return unit != "percent" and same_unit(g.unit, unit) and ask((g.latex, _latex(a), "equal"))
        case Quantity(unit="degree"), Expression(unit="" | "radian") if "\\pi" in a.latex:
            return ask((f"({_latex(g)})\\cdot\\frac{{\\pi}}{{180}}", a.latex, "equal"))
        case Decimal(), Quantity():
            return g.number.value == a.value and not a.unit
        case Decimal(), Series(form="list" | "set"):
            return _in_order(g.pair.items, a.items, ask)
        case Text(words=True), Text(words=True):
            return _same_words(gold.text, answer.text)
        case Based(), Based():
            return g == a
        case Clock(), Clock():
            return g == a
        case Matrix(), Matrix():
            return (
                g.determinant == a.determinant
                and len(g.rows) == len(a.rows)
                and all(_in_order(ours, theirs, ask) for ours, theirs in zip(g.rows, a.rows, strict=True))
            )
        case Series(form="ratio"), Quantity():
            return not a.unit and not a.worked and [item.what for item in g.items] == _ends_of(a.value)
        case (Interval(), Interval() | Series()) | (Series(), Interval()):
            return _intervals(g, a, ask)
        case Series(), Series():
            return _series(g, a, ask)
    return False


def _same_words(gold: str, answer: str) -> bool:
    """Thursday is thursday, but AB is not ab, nor is June 1 2 June 12."""
    one, other = (re.sub(r"(?<!\d) +| +(?!\d)", "", text) for text in (gold, answer))
    small = one.casefold()
    return one == other or (small == other.casefold() and (len(small) > 2 or small == "no"))


def _numbers(gold: Quantity, answer: Quantity, alone: bool) -> bool:
    """Exactly. Of 10%, 10 and 0.1 are as good (math-verify takes both); of 4, neither 4% nor 400%."""
    if gold.unit == "percent" and answer.unit != "percent":
        return not answer.unit and answer.value in (gold.value, gold.value / 100)
    if answer.unit == "percent" and gold.unit != "percent":
        return not gold.unit and not gold.integer and answer.value / 100 == gold.value
    if alone and gold.integer and not answer.worked:
        return False
    return same_unit(gold.unit, answer.unit) and gold.value == answer.value


def _ends_of(value: Fraction) -> list[Quantity]:
    return [Quantity(Fraction(part), True, True, "") for part in (value.numerator, value.denominator)]


def _latex(what: Quantity | Expression) -> str:
    if isinstance(what, Expression):
        return what.latex
    sign = "-" if what.value < 0 else ""
    above, below = abs(what.value.numerator), what.value.denominator
    return f"{sign}{above}" if below == 1 else f"{sign}\\frac{{{above}}}{{{below}}}"


def _choices(gold: Answer, answer: Answer, ask: Ask, alone: bool) -> bool:
    g, a = gold.what, answer.what
    if isinstance(g, Choice) and isinstance(a, Choice):
        behind = g.behind is None or a.behind is None or match(g.behind, a.behind, ask, alone)
        return g.letter == a.letter and behind
    if isinstance(g, Choice):
        return g.behind is not None and match(g.behind, answer, ask, alone)
    if isinstance(a, Choice) and a.behind is not None:
        return match(gold, a.behind, ask, alone)
    if isinstance(g, Equation):
        return match(g.value, answer, ask, alone)
    return isinstance(a, Choice) and a.letter == "R" and gold.text == "\\mathbb{R}"


def _is_system(what: object) -> bool:
    return (
        isinstance(what, Series)
        and what.form in ("list", "set")
        and all(isinstance(item.what, Equation) for item in what.items)
    )


def _systems(gold: Answer, answer: Answer, ask: Ask) -> bool:
    """Values by name; as a tuple, in the order of the alphabet; of x_1 and x_2, a list will do."""
    g, a = gold.what, answer.what
    if not isinstance(a, Series):
        return isinstance(a, Equation) and isinstance(a.value.what, Series) and match(gold, a.value, ask)
    if isinstance(g, Equation) and g.name.startswith("("):
        return match(g.value, answer, ask)
    if not isinstance(g, Series) or len(g.items) != len(a.items):
        return False
    if _is_system(g) and _is_system(a):
        pairs = zip(_by_name(g), _by_name(a), strict=True)
        return all(ours.name == theirs.name and match(ours.value, theirs.value, ask) for ours, theirs in pairs)
    system, other = (g, a) if _is_system(g) else (a, g)
    named = _by_name(system)
    indexed = len({equation.name.partition("_")[0] for equation in named}) == 1
    if not (other.form == "tuple" or (indexed and other.form in ("list", "set"))):
        return False
    values = [equation.value for equation in named]
    if system is a and named[0].name.startswith("x") and other.form != "tuple":  # x_1 and x_2 are two roots
        return _in_any_order(other.items, values, ask)
    return _in_order(values, other.items, ask) if system is g else _in_order(other.items, values, ask)


def _by_name(system: Series) -> list[Equation]:
    return sorted((item.what for item in system.items if isinstance(item.what, Equation)), key=lambda one: one.name)


def _relations(gold: Answer, answer: Answer, ask: Ask, alone: bool) -> bool:
    g, a = gold.what, answer.what
    if isinstance(g, Equation | Relation) and isinstance(a, Equation | Relation):
        if isinstance(g, Equation) and isinstance(a, Equation):
            if g.name == a.name and match(g.value, a.value, ask, alone):
                return True
            if g.of_number or a.of_number:
                return False
        return _lines(g, a, ask)
    if isinstance(g, Equation):
        return match(g.value, answer, ask, alone)
    if isinstance(g, Relation):
        return g.value is not None and match(g.value, answer, ask, alone)
    # f(3) = 7 says nothing of 7 alone.
    return isinstance(a, Equation) and not a.of_number and match(gold, a.value, ask, alone)


def _lines(gold: Equation | Relation, answer: Equation | Relation, ask: Ask) -> bool:
    """y = 3x + 13 is 3x - y + 13 = 0: what is said to be zero is a multiple of the other's.

    math-verify takes the last side alone where it cannot read all, so that any equation with 0 on its right equals any
    other (Math-Verify issues 14, 60 and 64).
    """
    operators = [one.operator if isinstance(one, Relation) else "=" for one in (gold, answer)]
    differences = [_difference(one.sides) for one in (gold, answer)]
    if operators[0] != operators[1] or None in differences:
        return False
    ours, theirs = differences
    assert ours is not None and theirs is not None
    return ask((ours, theirs, "line" if operators[0] == "=" else "side"))


def _difference(sides: tuple[str, str] | None) -> str | None:
    if sides is None:
        return None
    parts = []
    for side in sides:
        exact, other = number(side), expression(side)
        if exact is None and (other is None or other.unit):
            return None
        parts.append(_latex(exact if exact is not None else other))  # type: ignore[arg-type]
    return f"({parts[0]})-({parts[1]})"


def _intervals(gold: object, answer: object, ask: Ask) -> bool:
    one, other = _as_interval(gold), _as_interval(answer)
    if one is None or other is None or one.closed != other.closed:
        return False
    if one.variable and other.variable and one.variable != other.variable:
        return False
    return _in_order((one.low, one.high), (other.low, other.high), ask)


def _as_interval(what: object) -> Interval | None:
    """(2, 5) may be one, so may [2, 5]."""
    if isinstance(what, Series) and what.form in ("tuple", "[") and len(what.items) == 2:
        low, high = what.items
        return Interval(low, high, (what.form == "[",) * 2)
    return what if isinstance(what, Interval) else None


def _series(gold: Series, answer: Series, ask: Ask) -> bool:
    if len(gold.items) != len(answer.items):
        return False
    forms = {gold.form, answer.form}
    if forms <= {"list", "set"}:
        letters = [item.what.letter for item in gold.items if isinstance(item.what, Choice)]
        # A, C are the right ones of several; B, C, A is an order.
        if letters != sorted(letters) and gold.form == "list":
            return _in_order(gold.items, answer.items, ask)
        return _in_any_order(gold.items, answer.items, ask)
    if len(forms) > 1:
        return False
    if gold.form == "union":
        return _in_any_order(gold.items, answer.items, ask)
    if gold.form == "units":
        units = [
            [part.what.unit for part in series.items if isinstance(part.what, Quantity)] for series in (gold, answer)
        ]
        return units[0] == units[1] and _in_order(gold.items, answer.items, ask)
    return _in_order(gold.items, answer.items, ask)


def _in_order(gold: Sequence[Answer], answer: Sequence[Answer], ask: Ask) -> bool:
    return len(gold) == len(answer) and all(
        match(ours, theirs, ask, alone=False) for ours, theirs in zip(gold, answer, strict=True)
    )


def _in_any_order(gold: Sequence[Answer], answer: Sequence[Answer], ask: Ask) -> bool:
    """Each has its own. What equals by its letters goes first, so that little is asked."""
    if len(gold) != len(answer):
        return False
    left = list(answer)
    ordered = sorted(gold, key=lambda one: all(one.key != other.key for other in answer))
    for ours in ordered:
        chosen = next((other for other in left if ours.key and ours.key == other.key), None)
        if chosen is None:
            chosen = next((other for other in left if match(ours, other, ask, alone=False)), None)
        if chosen is None:
            return False
        left.remove(chosen)
    return True
