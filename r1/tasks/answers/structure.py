"""Reads an answer: what it is, down to its parts.

What cannot be read is text, which equals nothing but itself. So sympy is never asked about what its parser misreads: it
drops roman units, takes `f(3)` for a product, "3 4" for 7, gcd(m, n) for 1, and C for c.
"""

import re
from collections.abc import Callable

from r1.tasks.answers import quantities
from r1.tasks.answers.expressions import expression
from r1.tasks.answers.kinds import (
    Answer,
    Based,
    Choice,
    Clock,
    Decimal,
    Interval,
    Matrix,
    Relation,
    Series,
    Text,
)
from r1.tasks.answers.relations import end, gathered, relation, without
from r1.tasks.answers.spelling import ROW, spelled, undressed
from r1.tasks.answers.splitting import is_whole, split

_MAX_PARTS = 64
_NUMERALS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "sixteen"]
_BASES = dict(zip(_NUMERALS, [*range(2, 13), 16], strict=True))
_BASED = re.compile(
    r"\(?(-?[0-9A-F]+(?:\.[0-9A-F]+)?)\)? ?(?:_ ?\{ ?(\w+) ?\}|\(? ?(?:in )?base[ -](\w+) ?\)?)", re.ASCII
)
_CHOICE = re.compile(r"\(([A-J])\) ?(.+)|([A-J])[.:)] ?(.+)")
_CLOCK = re.compile(r"(\d{1,2}(?::\d\d)?) ?([ap])\.? ?m\.?", re.ASCII | re.IGNORECASE)
_ENVIRONMENT = re.compile(
    r"(?P<open>[\[(|]?) ?\\begin ?\{(?P<name>[pbvBV]?matrix|smallmatrix|array|cases|aligned)\} ?(?:\{[^{}]*\})?"
    r"(?P<body>.*)\\end ?\{(?P=name)\} ?(?P<close>[\])|]?)"
)
_BUILT = re.compile(r"\\\{ ?[A-Za-z] ?(?:\\in ?[^|:]*)?[|:](?P<condition>.*)\\\}")
_AND = r" ?(?:,|;)? (?:and|or) (?:also )?| ?[和或与] ?|;"
_REALS = {"\\mathbb{R}", "allrealnumbers", "allreals", "therealnumbers", "realnumbers", "anyrealnumber"}
_NONE = {"\\emptyset", "\\{\\}", "emptyset", "theemptyset", "nosolutions", "norealsolution", "norealsolutions"}

_NOTHING_SAID = re.compile(
    r"(?:see|refer|as (?:shown|above|below)|not? ?(?:found|answer|given|available|provided|applicable|specified)"
    r"|unknown|unanswered|solution|answers?|proof|proved|proven|prove|omitted|todo|tbd|error|n ?[./]? ?a)(?![a-z])",
    re.IGNORECASE,
)
_MAX_WORDS = 4


def read(text: str) -> Answer | None:
    """The answer's structure; None if its braces do not match.

    >>> read("$x\\\\in[2,5)$") == read("2 \\\\le x < 5")
    False
    >>> read("5 \\\\text{ apples}").what.value
    Fraction(5, 1)
    """
    one = spelled(text)
    return None if one is None else _read(one, 0)


def says_something(answer: Answer) -> bool:
    """Not where the answer might be found, nor a whole sentence, nor a relation of numbers."""
    if not re.search(r"[^\W_]|\\[A-Za-z]", answer.text) or _NOTHING_SAID.match(answer.text):
        return False
    if isinstance(answer.what, Relation):
        return re.search(r"(?<![\\A-Za-z])[A-Za-z]", "".join(answer.what.sides)) is not None
    if not isinstance(answer.what, Text):
        return True
    if answer.what.words:
        return len(answer.text.split()) <= _MAX_WORDS
    return re.search(r"[A-Za-z\u4e00-\u9fff]", answer.text) is not None


def _read(text: str, depth: int) -> Answer:
    text = undressed(text)
    if depth > 8 or not text:
        return Answer(text, Text(words=False))

    def inner(part: str) -> Answer:
        return _read(part, depth + 1)

    readers: tuple[Callable[[str, Callable[[str], Answer]], Answer | None], ...] = (
        _named, _based, _number, _clock_or_ratio, _environment, _bracketed, _choice, _several, _sets, relation,
        _plus_minus,
    )  # fmt: skip
    for reader in readers:
        found = reader(text, inner)
        if found is not None:
            return found
    read_as = expression(text)
    if read_as is not None:
        return Answer(text, read_as)
    return Answer(text, Text(words=re.fullmatch(r"[A-Za-z][\w .,'-]*", text) is not None))


def _named(text: str, _: Callable[[str], Answer]) -> Answer | None:
    plain = text.replace(" ", "")
    if plain in _REALS or plain.lower() in _REALS:
        return Answer("\\mathbb{R}", _ray("-\\infty", "\\infty"))
    if plain in _NONE or plain.lower() in _NONE:
        return Answer("no solution", Text(words=True))
    return None


def _ray(low: str, high: str) -> Interval:
    return Interval(end(low), end(high), (False, False))


def _based(text: str, _: Callable[[str], Answer]) -> Answer | None:
    found = _BASED.fullmatch(text)
    if found is None or not re.search(r"\d", found[1]):
        return None
    name = found[2] or found[3]
    base = int(name) if name.isdigit() and len(name) < 4 else _BASES.get(name.lower())
    return None if base is None else Answer(text, Based(found[1], base))


def _number(text: str, _: Callable[[str], Answer]) -> Answer | None:
    found = quantities.quantity(text)
    if found is not None:
        return Answer(text, found)
    parts = quantities.in_units(text)
    if parts is None:
        return None
    return Answer(text, Series(tuple(Answer(f"{part.value} {part.unit}", part) for part in parts), "units"))


def _clock_or_ratio(text: str, _: Callable[[str], Answer]) -> Answer | None:
    if found := _CLOCK.fullmatch(text):
        return Answer(text, Clock(found[1].removesuffix(":00"), found[2].lower()))
    parts = re.split(r" ?: ?| to ", text)
    numbers = [quantities.number(part) for part in parts]
    if len(parts) < 2 or any(part is None for part in numbers):
        return None
    items = tuple(Answer(part, number) for part, number in zip(parts, numbers, strict=True) if number is not None)
    return Answer(text, Series(items, "ratio"))


def _choice(text: str, inner: Callable[[str], Answer]) -> Answer | None:
    if re.fullmatch(r"[A-Z]\)?", text):
        return Answer(text[0], Choice(text[0]))
    found = _CHOICE.fullmatch(text)
    if found is None:
        return None
    letter, rest = (found[1], found[2]) if found[1] else (found[3], found[4])
    behind = inner(rest)
    return Answer(text, Choice(letter, behind)) if not isinstance(behind.what, Text | Choice) else None


def _environment(text: str, inner: Callable[[str], Answer]) -> Answer | None:
    found = _ENVIRONMENT.fullmatch(text)
    if found is None or "\\begin" in found["body"]:
        return None
    rows = [row.strip() for row in found["body"].split(ROW) if row.strip()]
    if found["name"] in ("cases", "aligned"):
        return inner(", ".join(rows).replace("&", "")) if not any("," in row for row in rows) else None
    cells = [[inner(cell) for cell in row.split("&")] for row in rows]
    if not cells or len({len(row) for row in cells}) != 1:
        return None
    determinant = found["name"] in ("vmatrix", "Vmatrix") or found["open"] == "|"
    return Answer(text, Matrix(tuple(map(tuple, cells)), determinant))


def _bracketed(text: str, inner: Callable[[str], Answer]) -> Answer | None:
    """(5), (1, 2), [2, 5), ]2, 5[, {1, 2}, ⟨1, 2⟩, {x : 2 < x < 5}."""
    if text.startswith("\\{") and text.endswith("\\}") and is_whole(text[2:-2]):
        if built := _BUILT.fullmatch(text):
            condition = inner(built["condition"])
            return Answer(text, condition.what) if isinstance(condition.what, Interval | Series) else None
        parts = split(text[2:-2], f",|{_AND}")
        found = _series(text, parts, "set", inner)
        # {x = 1, y = 2} is a system, not a set.
        listed = relation(text[2:-2], inner) if len(parts) == 1 else _several(text[2:-2], inner)
        return listed if listed is not None and not isinstance(listed.what, Series | Interval) else found
    if text.startswith("\\langle") and text.endswith("\\rangle"):
        return _series(text, split(text[7:-7], ","), "tuple", inner)
    opening, inside, closing = text[:1], text[1:-1], text[-1:]
    if opening not in tuple("([]") or closing not in tuple(")][") or not is_whole(inside):
        return None
    parts = split(inside, "[,;]")
    if len(parts) == 1 and opening + closing in ("()", "[]"):
        alone = inner(inside)
        return Answer(alone.text, alone.what)
    if len(parts) == 2 and opening + closing not in ("()", "[]"):
        closed = (opening == "[", closing == "]")
        low, high = (end(part.strip().removeprefix("+")) for part in parts)
        return Answer(text, Interval(low, high, closed))
    if opening + closing in ("()", "[]"):
        return _series(text, parts, "tuple" if opening == "(" else "[", inner)
    return None


def _several(text: str, inner: Callable[[str], Answer]) -> Answer | None:
    """A list: of values, of equations, of letters in an order."""
    commas = r",(?!\d{3}(?!\d))" if re.search(", |;", text) else ","
    parts = split(text, f"{_AND}|{commas}")
    if len(parts) < 2:
        return None
    listed = _series(text, parts, "list", inner)
    if listed is None or not isinstance(listed.what, Series):
        return listed
    if re.fullmatch(r"-?\d+,\d{2,}", text):
        number = quantities.number(text.replace(",", "."))
        return Answer(text, Decimal(number, listed.what)) if number is not None else None
    if len(split(text, " or | ?或 ?")) == len(parts) and all(
        isinstance(item.what, Interval) for item in listed.what.items
    ):
        return Answer(text, Series(listed.what.items, "union"))
    return listed


def _series(text: str, parts: list[str], form: str, inner: Callable[[str], Answer]) -> Answer | None:
    parts = [part.strip() for part in parts]
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    if not all(parts) or len(parts) > _MAX_PARTS:
        return None
    items = [inner(part) for part in parts]
    if form == "list":
        return gathered(text, items)
    flat = [one for item in items for one in _spread(item)]
    return Answer(text, Series(tuple(flat), form))  # type: ignore[arg-type]


def _spread(item: Answer) -> tuple[Answer, ...]:
    return item.what.items if isinstance(item.what, Series) and item.what.form == "list" else (item,)


def _sets(text: str, inner: Callable[[str], Answer]) -> Answer | None:
    """Unions, and what is left of the real numbers without some."""
    parts = split(text, r"\\cup(?![A-Za-z])")
    if len(parts) > 1:
        read_parts = [inner(part) for part in parts]
        return Answer(text, Series(tuple(read_parts), "union"))
    parts = split(text, r"\\setminus(?![A-Za-z])|-(?= ?\\\{)")
    if len(parts) != 2:
        return None
    whole, points = (inner(part) for part in parts)
    if whole.text != "\\mathbb{R}" or not isinstance(points.what, Series) or points.what.form != "set":
        return None
    return without(text, points.what.items)


def _plus_minus(text: str, inner: Callable[[str], Answer]) -> Answer | None:
    if len(re.findall(r"\\pm(?![A-Za-z])", text)) != 1 or "\\mp" in text:
        return None
    both = [inner(re.sub(r"\\pm(?![A-Za-z]) ?", sign, text)) for sign in "+-"]
    return Answer(text, Series(tuple(both), "list"))
