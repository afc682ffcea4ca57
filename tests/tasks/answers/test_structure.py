"""What an answer is read as, and what is left to sympy."""

import time

import pytest

from r1.tasks.answers.expressions import expression
from r1.tasks.answers.guards import is_askable
from r1.tasks.answers.splitting import is_whole, split
from r1.tasks.answers.structure import read


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("5 apples", "Quantity"),
        ("2\\sqrt{3} cm", "Expression"),
        ("52_8", "Based"),
        ("6:30 p.m.", "Clock"),
        ("(C) 12", "Choice"),
        ("x = 5", "Equation"),
        ("x = 3 or x = 5", "Equation"),
        ("x = 1, y = 2", "Series"),
        ("2x + y = 3", "Relation"),
        ("2x + y > 3", "Relation"),
        ("2 \\le x < 5", "Interval"),
        ("]2, 5[", "Interval"),
        ("\\mathbb{R}", "Interval"),
        ("x \\ne 0", "Series"),
        ("(2, 5)", "Series"),
        ("3:2", "Series"),
        ("5 ft 3 in", "Series"),
        ("3,14", "Decimal"),
        ("\\begin{pmatrix} 1 & 2 \\end{pmatrix}", "Matrix"),
        ("Evelyn", "Text"),
        ("x \\equiv 1 \\pmod 3", "Text"),
        ("A > B > C", "Text"),
        ("4 \\cdot", "Text"),
    ],
)
def test_an_answer_is_read_as_what_it_is(text: str, kind: str) -> None:
    found = read(text)
    assert found is not None and type(found.what).__name__ == kind


@pytest.mark.parametrize(
    "latex", ["\\frac{x+2}{7}", "2^{n!}", "|x-1|", "\\log_{2} 3", "\\lfloor x \\rfloor", "C_{10}^{3}", "\\sqrt[3]{2}"]
)
def test_sympy_is_asked_what_its_parser_reads(latex: str) -> None:
    found = expression(latex)
    assert found is not None and found.latex == latex


@pytest.mark.parametrize(
    "latex",
    [
        "3 4",
        "f(3)",
        "\\gcd(m,n)",
        "\\vec{a}",
        "x'",
        "(2n-1)!!",
        "5\\text{4}",
        "ABC",
        "even+1",
        "1.2.3",
        "(x",
        "x_",
        "|x",
        "",
    ],
)
def test_sympy_is_not_asked_what_its_parser_misreads(latex: str) -> None:
    assert expression(latex) is None


def test_degrees_are_angles_within_a_sine() -> None:
    found = expression("\\sin 30°")
    assert found is not None and "\\pi" in found.latex
    assert expression("180° - x") == expression("180 - x")


@pytest.mark.parametrize(
    ("predicted", "gold", "is_so"),
    [
        ("x^{2}", "x", True),
        ("x!", "x", False),
        ("x!", "2x!", True),
        ("\\binom{n}{2}", "x", False),
        ("9^{9^{9}}", "x", False),
        ("9^{9^{9}}", "e^{x^{2}}", False),
        ("x^{5000}", "x", False),
        ("x^{5000}", "x^{5001}", True),
        ("x^{99999}", "x^{99999}", False),
        ("((((x+1)^{9})^{9})^{9})^{9}", "x", False),
        ("9^{{{{{{9}}}}}}", "x", False),
    ],
)
def test_powers_far_beyond_gold_are_not_asked(predicted: str, gold: str, is_so: bool) -> None:
    assert is_askable(predicted, gold) is is_so


@pytest.mark.parametrize(
    "piece",
    ["y", "½", "4>", "²5e", "√;₂", "\\{", "(", "1,", " 000", "x=", "mod=", "\\pm 1", "2 or ", "5 ft ", "'", "|x"],
)
def test_reading_ends_soon(piece: str) -> None:
    """Of the longest text that is read at all, whatever it repeats."""
    start = time.perf_counter()
    read((piece * 2_000)[:2_000])
    assert time.perf_counter() - start < 10


def test_splitting_minds_brackets_of_any_kind() -> None:
    assert split("(1, 2), [3, 4[, \\{5, 6\\}, 7", ", ?") == ["(1, 2)", "[3, 4[, \\{5, 6\\}, 7"]
    assert split("(1, 2), \\{5, 6\\}, f(x, y)", ", ") == ["(1, 2)", "\\{5, 6\\}", "f(x, y)"]
    assert is_whole("1, (2)") and not is_whole("1), (2")
