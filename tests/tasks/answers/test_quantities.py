"""Numbers are read exactly, and units only where they are units."""

from fractions import Fraction

import pytest

from r1.tasks.answers.quantities import in_units, number, quantity, same_unit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("05", Fraction(5)),
        ("- 5", Fraction(-5)),
        (".5", Fraction(1, 2)),
        ("1,234,567", Fraction(1_234_567)),
        ("1 800", Fraction(1_800)),
        ("1'000", Fraction(1_000)),
        ("1.000.000", Fraction(1_000_000)),
        ("2 3/4", Fraction(11, 4)),
        ("2\\frac{3}{4}", Fraction(11, 4)),
        ("-1\\frac{1}{2}", Fraction(-3, 2)),
        ("\\frac{-1}{2}", Fraction(-1, 2)),
        ("3 \\cdot 10^{-4}", Fraction(3, 10_000)),
        ("1e-7", Fraction(1, 10**7)),
        ("10^{-20}", Fraction(1, 10**20)),
        ("0.\\overline{27}", Fraction(3, 11)),
        ("0.1(6)", Fraction(1, 6)),
        ("0.\\dot{1}4285\\dot{7}", Fraction(1, 7)),
        ("12345678901234567891", Fraction(12345678901234567891)),
    ],
)
def test_a_number_is_exact(text: str, value: Fraction) -> None:
    found = number(text)
    assert found is not None and found.value == value


@pytest.mark.parametrize(
    "text",
    ["", "4 4", "1 5", "--4", "4'", "4_", "0x4", "1/0", "2\\frac{5}{4}", "1e9999", "1,23", "1.2.3", "٤", "nan", "5x"],
)
def test_nothing_else_is_a_number(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("$18", "dollar"),
        ("-$18", "dollar"),
        ("USD 18", "dollar"),
        ("18 dollars", "dollar"),
        ("18元", "yuan"),
        ("10 %", "percent"),
        ("10 percent", "percent"),
        ("90°", "degree"),
        ("25° C", "°C"),
        ("5cm", "cm"),
        ("5 square centimeters", "cm^2"),
        ("5 cm^{2}", "cm^2"),
        ("5 m/s", "m/second"),
        ("5 mi/hr", "mile/hour"),
        ("5 mph", "mile/hour"),
        ("5 apples", "apples"),
        ("5 (apples)", "apples"),
        ("5个", "个"),
    ],
)
def test_a_unit_has_one_name(text: str, unit: str) -> None:
    found = quantity(text)
    assert found is not None and found.unit == unit and abs(found.value) in (5, 10, 18, 25, 90)


@pytest.mark.parametrize(
    "text",
    ["4 thousand", "4 million", "5万", "5x", "5 x", "5 i", "5 ab", "4 and 5", "4 if true", "4 not", "$5 euros", "4; 5"],
)
def test_a_word_that_changes_the_number_is_no_unit(text: str) -> None:
    assert quantity(text) is None


def test_units_of_one_kind_differ_and_unknown_words_do_not() -> None:
    assert same_unit("cm", "") and same_unit("apples", "pears") and same_unit("apples", "cm")
    assert not same_unit("cm", "m") and not same_unit("m/second", "km/hour") and not same_unit("dollar", "cent")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("5 ft 3 in", [(5, "foot"), (3, "inch")]),
        ("4'7\"", [(4, "foot"), (7, "inch")]),
        ("15°30'", [(15, "degree"), (30, "minute")]),
        ("1h 15min", [(1, "hour"), (15, "minute")]),
        ("3 apples and 2 pears", [(3, "apples"), (2, "pears")]),
        ("5 ft", None),
        ("4, 5", None),
        ("2 hours 30", None),
    ],
)
def test_a_compound_quantity_has_all_its_parts(text: str, parts: list[tuple[int, str]] | None) -> None:
    found = in_units(text)
    assert (None if found is None else [(int(part.value), part.unit) for part in found]) == parts
