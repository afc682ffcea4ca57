"""One spelling: what stands around an answer, and how it is written, make no difference."""

import pytest

from r1.tasks.answers.spelling import MAX_DEPTH, spelled


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("$5$", "5"),
        ("\\[\\boxed{5}\\].", "5"),
        ("**Answer: $5$.**", "5"),
        ("So, the final answer is: \\boxed{5}.", "5"),
        ("所以最终答案是：5。", "5"),
        ("$5$ cm", "5 cm"),
        ("\\$18", "$18"),
        ("$18", "$18"),
        ("\\dfrac12", "\\frac{1}{2}"),
        ("\\cfrac{1}{2}", "\\frac{1}{2}"),
        ("√2", "\\sqrt{2}"),
        ("x²", "x^{2}"),
        ("x₁₂", "x_{12}"),
        ("x**2", "x^{2}"),
        ("2pi", "2\\pi"),
        ("\\mathrm{e}^{2}", "e^{2}"),
        ("1+2\\mathrm{i}", "1+2i"),
        ("25^\\circ\\text{C}", "25°C"),
        ("18\\,000", "18 000"),
        ("32,\\! 349", "32,349"),
        ("0{,}5", "0.5"),
        ("18{,}000", "18,000"),
        ("（1，2）", "(1,2)"),
        ("x <= 2", "x \\le 2"),
        ("3≥x", "3\\ge x"),
        ("n \\equiv 1 (mod 3)", "n \\equiv 1 \\pmod{3}"),
        ("\\left( \\frac13 \\right)", "( \\frac{1}{3} )"),
        ("5\\\\%", "5%"),
        ("\\\\frac{1}{2}", "\\frac{1}{2}"),
        ("", ""),
    ],
)
def test_an_answer_has_one_spelling(text: str, one: str) -> None:
    assert spelled(text) == one


@pytest.mark.parametrize(
    "text", ["}{", "{", "\\frac{1", "\\boxed{1}\\boxed{2}", "4\0", "{" * (MAX_DEPTH + 1) + "4" + "}" * (MAX_DEPTH + 1)]
)
def test_what_is_broken_has_none(text: str) -> None:
    assert spelled(text) is None


def test_look_alike_digits_and_invisible_characters_stay() -> None:
    assert spelled("４") == "４"
    assert spelled("4\u200b") == "4\u200b"
