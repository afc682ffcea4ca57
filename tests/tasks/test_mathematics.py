"""Pairs of gold and answer of every kind that public bug reports name, and what has to come of them."""

import json
from pathlib import Path

import pytest

from r1.tasks import votes
from r1.tasks.mathematics import MAX_CHARACTERS, readable, verify, verify_all

ROWS = [json.loads(line) for line in (Path(__file__).parent / "math_answers.jsonl").read_text().splitlines()]
REFUSED = {
    ("5", "P(5)=5"): "a function's value at a number says more than 5; f(3) = 2 must not pass for 2",
    ("5", "f(2)=5"): "as above",
    ("5", "5!"): "120, or an exclamation",
    ("5", "five"): "no number is spelled out: four is a hack of gold 4",
    ("5", "five (5)"): "as above",
    ("5", "五"): "as above",
    ("\\frac{1}{2}", "二分之一"): "as above",
    ("5", "5 and nothing else"): "what joins two answers joins these",
    ("2", "\\ln \\mathrm{e}^2"): "a whole number is to be worked out",
    ("15", "total: 15"): "a word and a colon are no equation",
    ("15", "\\#\\#\\#\\# 15"): "not in use",
    ("-3 < x < 3", "|x|<3"): "inequalities are not solved",
    ("A, D", "AD"): "a choice, or an order",
    ("-1, 4", "x=-1 \\quad x=4"): "nothing joins them but a space",
    ("-1, 4", "x = 4 \\lor x = -1"): "logic is not read",
    ("(2,-3)", "P(2,-3)"): "a point, or a function's value",
    ("100\\pi", "100 \\pi m^3"): "a unit, or a variable",
    ("8", "８ "): "look-alike digits are a hack",
    ("12 \\text{ m/s}", "12 \\frac{\\text{m}}{\\text{s}}"): "units in a fraction are not read",
}
"""Right and refused all the same, since what cannot be decided is not paid."""


def test_no_wrong_answer_is_paid_and_no_right_one_refused() -> None:
    assert len(ROWS) > 2_000 and sum(row["right"] for row in ROWS) > 1_000
    verdicts = verify_all([row["answer"] for row in ROWS], [row["gold"] for row in ROWS])
    judged = [(row["gold"], row["answer"], row["right"], verdict) for row, verdict in zip(ROWS, verdicts, strict=True)]
    assert [(gold, answer) for gold, answer, right, verdict in judged if verdict and not right] == []
    assert {(gold, answer) for gold, answer, right, verdict in judged if right and not verdict} == set(REFUSED)


@pytest.mark.parametrize("text", ["\\gcd(m, n)", "}{", "9^{9^{9^9}}", "\\frac{1", "f(3) = 7", "no idea", "1 + 3", "❄"])
def test_an_answer_that_is_gold_is_right_whatever_it_is(text: str) -> None:
    assert verify(text, text)
    assert verify(f"\n {text} ", text)


@pytest.mark.parametrize("text", ["", " ", "\n", "x" * (MAX_CHARACTERS + 1)])
def test_nothing_and_too_much_are_no_answer(text: str) -> None:
    assert not verify(text, text)


@pytest.mark.parametrize(
    ("gold", "is_so"),
    [
        ("Answer: 7", True),
        ("1 000", True),
        ("k = 45, n = 2", True),
        ("Evelyn", True),
        ("\\text{no solution}", True),
        ("\\overrightarrow{AB}", True),
        ("x^2 + 1", True),
        ("notfound", False),
        ("See solution", False),
        ("n/a", False),
        ("}{", False),
        ("5 = 4", False),
        ("The function increases on the whole interval.", False),
        ("9" * (MAX_CHARACTERS + 1), False),
    ],
)
def test_gold_is_readable_if_another_spelling_could_equal_it(gold: str, is_so: bool) -> None:
    assert readable([gold]) == [is_so]


@pytest.mark.parametrize(
    ("task", "answers", "counted"),
    [
        ("math", ["2", "1/2", "0.5", "\\frac12", "2.0"], ["2", "1/2", "1/2", "1/2", "2"]),
        ("math", ["x=1, x=-2", "-2, 1", "1"], ["x=1, x=-2", "x=1, x=-2", "1"]),
        ("math", ["3", "x=3 or x=5", "5, 3"], ["3", "x=3 or x=5", "x=3 or x=5"]),
        ("math", ["2x", "x + x", "}{", "}{"], ["2x", "2x", "}{", "}{"]),
        ("chain_sum", ["4", " +4", "4.0", "5", "four"], ["4", "4", "4", "5", "four"]),
        ("gsm_symbolic", ["$20", "20 bananas", "1,000", "1000"], ["$20", "$20", "1,000", "1,000"]),
        ("complex_arithmetic", ["15 + 3i", "(15+3i)", "3i + 15", "15"], ["15 + 3i"] * 3 + ["15"]),
        ("code", ["def f(): return 1", "def f():  return 1", "x"], ["def f(): return 1"] * 2 + ["x"]),
        ("math", [], []),
    ],
)
def test_answers_vote_by_value(task: str, answers: list[str], counted: list[str]) -> None:
    assert votes(task, answers) == counted
