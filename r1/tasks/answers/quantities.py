"""Numbers read exactly, with money, units and percent signs beside them.

Nothing is rounded: math-verify compares floats at six digits, so that 10^{-20} equals 10^{-21} (`float_rounding`), and
chops differences at fifteen (`numeric_precision`): Math-Verify issues 14 and 21, closed as meant.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

_MAX_EXPONENT = 400
_POINT = re.compile(r"^[^.]*\.\d*$")
_GROUPS = r"\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+|\d{1,3}(?:'\d{3})+|\d{1,3}(?:\.\d{3}){2,}(?![\d.])|\d+"
_REPEATING = r"\d*\.\d*(?:\\overline ?\{ ?\d+ ?\}|\(\d+\)|\\dot ?\{? ?\d ?\}?(?:\d*\\dot ?\{? ?\d ?\}?)?)"
_DECIMAL = rf"(?:(?:{_GROUPS})(?:\.\d*)?|\.\d+)"
_SIGN = r"(?:[+-] ?)?"
_FRACTION = rf"\\frac ?\{{ ?{_SIGN}{_DECIMAL} ?\}} ?\{{ ?{_SIGN}{_DECIMAL} ?\}}"
_POWER_OF_TEN = r"10 ?\^ ?(?:\{ ?[+-]? ?\d{1,4} ?\}|\d)"
NUMBER = (
    rf"{_SIGN}(?:(?P<repeating>{_REPEATING})|(?P<whole>\d+) ?(?:(?P<part>\\frac ?\{{ ?\d+ ?\}} ?\{{ ?\d+ ?\}})"
    rf"|(?<= )(?P<slashed>\d+ ?/ ?\d+))|(?P<fraction>{_FRACTION}|{_DECIMAL} ?/ ?{_DECIMAL})"
    rf"|(?P<alone>{_POWER_OF_TEN})|(?P<decimal>{_DECIMAL})"
    rf"(?:[eE](?P<e>[+-]?\d{{1,4}})| ?\\cdot ?(?P<ten>{_POWER_OF_TEN}))?)"
)
_NUMBER = re.compile(NUMBER, re.ASCII)
_NUMERAL = re.compile(rf"{_SIGN}{_DECIMAL}", re.ASCII)

_CURRENCIES = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yuan", "USD": "dollar", "EUR": "euro", "RMB": "yuan"}
_QUANTITY = re.compile(
    rf"(?:(?P<sign>- ?)?(?P<money>\$|€|£|¥|(?:US|USD|EUR|RMB)(?![A-Za-z]) ?\$?))? ?(?P<number>{NUMBER})(?P<unit>.*)",
    re.ASCII,
)
_SYNONYMS = {
    "dollar": "dollars usd $", "euro": "euros eur €", "cent": "cents ¢", "yuan": "元 rmb",
    "percent": "% percentage pct", "degree": "° degrees deg", "radian": "radians rad", "°C": "", "°F": "",
    "hour": "hours hr hrs h 小时", "minute": "minutes min mins 分钟", "second": "seconds sec s 秒", "day": "days 天",
    "week": "weeks 周", "month": "months", "year": "years yr yrs 年",
    "m": "meter meters metre metres 米", "km": "kilometer kilometers kilometre kilometres 千米 公里",
    "cm": "centimeter centimeters centimetre centimetres 厘米", "mm": "millimeter millimeters 毫米",
    "foot": "feet ft", "inch": "inches in", "mile": "miles mi", "yard": "yards yd",
    "g": "gram grams 克", "kg": "kilogram kilograms kgs 千克 公斤", "pound": "pounds lb lbs", "ounce": "ounces oz",
    "l": "liter liters litre litres L 升", "ml": "milliliter milliliters mL 毫升",
    "mile/hour": "mph", "km/hour": "kmh kph",
}  # fmt: skip
_UNITS = {name: unit for unit, names in _SYNONYMS.items() for name in [unit, *names.split()]}
_SIGNS = "%°$€¢"
_WORD = r"[A-Za-z]+(?:\.(?= |$))?"
_UNIT = re.compile(
    rf"(?:%|° ?[CF]?|¢|€|\$|\(? ?(?:{_WORD}|[\u4e00-\u9fff]+)(?:[ /-]+(?:{_WORD}|[\u4e00-\u9fff]+))*)"
    r"(?: ?\^ ?\{?-?[1-3]\}?)? ?\)?"
)
_NO_UNIT = re.compile(
    r"(?<![a-z])(?:hundreds?|thousands?|k|[mb]illions?|mn|bn|trillions?|dozens?|half|halves|thirds?|quarters?|times"
    r"|percent of|and|or|not?|if|else|then|but|is|to|plus|minus|squared|cubed|base|mod|over|by|factorial|negative|am|pm"
    r"|a\.m|p\.m|i|e|x|y|z|n|k|c|sin|cos|tan|log|ln|pi)(?![a-z])|[十百千万亿半倍成折或和不]"
)


@dataclass(frozen=True)
class Quantity:
    """A number and its unit; `worked` if it is written as an integer or decimal, not as a quotient or the like."""

    value: Fraction
    worked: bool
    integer: bool
    unit: str


def number(text: str) -> Quantity | None:
    """A number without anything beside it.

    >>> number("2\\\\frac{3}{4}").value, number("0.(3)").value, number("1 800").value, number("3e-4").value
    (Fraction(11, 4), Fraction(1, 3), Fraction(1800, 1), Fraction(3, 10000))
    """
    found = _NUMBER.fullmatch(text.strip())
    return _of(found) if found else None


def quantity(text: str, in_parts: bool = False) -> Quantity | None:
    """A number with its money sign or its unit, if that is no word that changes the number.

    >>> quantity("$1,800.00").value, quantity("5 m/s").unit, quantity("10 percent").unit, quantity("4 million")
    (Fraction(1800, 1), 'm/s', 'percent', None)
    """
    text = text.strip()
    # "1800" is not "1" and a unit "800": the number takes all digits there are.
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    read, unit, money = _of(found), found["unit"], (found["money"] or "").strip()
    if read is None:
        return None
    if found["sign"]:
        read = Quantity(-read.value, read.worked, read.integer, read.unit)
    named = unit_of(unit, in_parts)
    if named is None:
        return None
    if money:
        currency = _CURRENCIES.get(money[:3], "dollar")
        if named not in ("", currency):
            return None
        named = currency
    return Quantity(read.value, read.worked, read.integer, named)


def in_units(text: str) -> list[Quantity] | None:
    """The parts of a compound quantity, two or more; None of anything else.

    >>> [(str(part.value), part.unit) for part in in_units("5 ft 3 in")]
    [('5', 'foot'), ('3', 'inch')]
    """
    text = re.sub(r"(?<=\d) ?'(?!')", " minute ", text) if "°" in text else re.sub(r"(?<=\d) ?'(?!')", " foot ", text)
    text = text.replace("''", '"').replace('"', " second " if "°" in text else " inch ")
    text = re.sub(" +", " ", text)
    parts = [part for part in re.split(r"(?:, ?(?:and )?| and |(?<=[^\d\s,.+/-]) ?(?=\d)) ?", text.strip()) if part]
    read = [quantity(part, in_parts=True) for part in parts]
    if len(parts) < 2 or not all(part is not None and part.unit for part in read):
        return None
    return [part for part in read if part is not None]


def same_unit(one: str, other: str) -> bool:
    """Not two different units that we know: 4 cm is not 4 m. Of a word that we do not know, nothing follows."""
    return one == other or not (one and other) or not (_is_known(one) and _is_known(other))


def _is_known(unit: str) -> bool:
    return all(part.partition("^")[0] in _SYNONYMS for part in unit.split("/"))


def unit_of(text: str, in_parts: bool = False) -> str | None:
    """Its one name; "" if there is none, None if it is no unit.

    Args:
        text: what stands behind a number, with the space before it.
        in_parts: of a compound quantity, where 1h is an hour; elsewhere 5h may be a product.
    """
    spaced, text = text.startswith(" ") or in_parts, text.strip()
    if not text:
        return ""
    if _UNIT.fullmatch(text) is None or text.count("(") != text.count(")"):
        return None
    plain = re.sub(r" ?\^ ?\{?(-?[1-3])\}?$", r"^\1", text.strip("() ")).rstrip(".")
    parts = [_known(part) for part in plain.split("/")]
    # "5x" and "5 ab" are products; "5 m/s" and "5 apples" are not.
    if all(parts) and (spaced or len(plain) > 1 or plain in _SIGNS or not plain.isascii()):
        return _UNITS.get(plain, "/".join(part for part in parts if part))
    if _NO_UNIT.search(plain.lower()):
        return None
    if not plain.isascii():
        return plain
    return (
        plain
        if spaced and any(len(word) > 2 and re.search("[aeiou]", word.lower()) for word in plain.split())
        else None
    )


def _known(part: str) -> str | None:
    """cm, centimeters, square centimeters, sq. cm, cm^2: by one name."""
    part, power = part.strip(), ""
    for opening, exponent in (("square ", "^2"), ("sq. ", "^2"), ("sq ", "^2"), ("cubic ", "^3"), ("cu ", "^3")):
        if part.startswith(opening):
            part, power = part.removeprefix(opening), exponent
    base, caret, exponent = part.partition("^")
    name = _UNITS.get(base.replace(" ", "")) or _UNITS.get(base.replace(" ", "").lower())
    return None if name is None else f"{name}{power}{caret}{exponent}"


def _of(found: re.Match[str]) -> Quantity | None:
    text = found["number"] if "number" in found.re.groupindex else found[0]
    sign = -1 if text.startswith("-") else 1
    try:
        if found["repeating"]:
            return Quantity(sign * _repeating(found["repeating"]), False, False, "")
        if found["whole"]:
            above, below = re.findall(r"\d+", found["part"] or found["slashed"])
            if not 0 < int(above) < int(below):  # a product, or nobody knows
                return None
            return Quantity(sign * (int(found["whole"]) + Fraction(int(above), int(below))), False, False, "")
        if found["fraction"]:
            above, below = _NUMERAL.findall(found["fraction"].replace("\\frac", ""))
            return Quantity(sign * _plain(above) / _plain(below), False, False, "")
        if found["alone"]:
            power = _power(found["alone"])
            return None if power is None else Quantity(sign * power, True, power.denominator == 1, "")
        value, scale = _plain(found["decimal"]), Fraction(1)
        if found["ten"] or found["e"]:
            power = _power(found["ten"] or f"10^{{{found['e']}}}")
            if power is None:
                return None
            scale = power
        integer = value.denominator == scale.denominator == 1 and not _POINT.search(found["decimal"])
        return Quantity(sign * value * scale, True, integer, "")
    except (ValueError, ZeroDivisionError):
        return None


def _plain(text: str) -> Fraction:
    text = text.replace(" ", "").replace(",", "").replace("'", "")
    if text.count(".") > 1:
        text = text.replace(".", "")
    return Fraction(text + "0" if text.endswith(".") else text)


def _power(text: str) -> Fraction | None:
    exponent = int(re.sub(r"[^\d-]", "", text.partition("^")[2]))
    return Fraction(10) ** exponent if abs(exponent) <= _MAX_EXPONENT else None


def _repeating(text: str) -> Fraction:
    """0.1(27) is 0.1 and 27/990; of dots, the first and the last digit of the period bear one."""
    before, _, after = text.partition(".")
    if "dot" in after:
        first = after.index("\\dot")
        fixed, period = after[:first], after[first:]
    else:
        fixed, period = re.split(r"\(|\\overline", after)
    period = re.sub(r"\D", "", period)
    scale = 10 ** len(fixed)
    value = Fraction(int(before or 0)) + Fraction(int(fixed or 0), scale)
    return value + Fraction(int(period), scale * (10 ** len(period) - 1))
