"""Equations: each has one solution, reads back as it was written, and cannot be asked for with impossible bounds."""

from itertools import islice
from typing import Any

import pytest

from r1.tasks import search
from r1.tasks.search import Equation, generate, parse, verify

BOUNDS = {"min_answer": 2, "max_answer": 6, "constant_first": False}


@pytest.mark.parametrize("constant_first", [False, True])
def test_the_answer_alone_solves_the_equation(constant_first: bool) -> None:
    found = set()
    for problem in islice(generate(BOUNDS | {"constant_first": constant_first}, 3), 200):
        equation = parse(problem.question)
        assert equation.question == problem.question and problem.task == search.NAME
        assert [str(x) for x in range(1, 20) if equation.attempt(x)[1] == equation.target] == [problem.answer]
        assert bool(equation.sign) != constant_first
        found.add(problem.answer)
    assert found == set("23456")


@pytest.mark.parametrize(
    ("equation", "question", "attempt"),
    [
        (Equation(4, "+", 5, 13), "Find x: 4 * x + 5 = 13.", ("12 + 5", 17)),
        (Equation(4, "-", 5, 3), "Find x: 4 * x - 5 = 3.", ("12 - 5", 7)),
        (Equation(4, "-", 9, -5), "Find x: 4 * x - 9 = -5.", ("12 - 9", 3)),
        (Equation(4, "", 5, 13), "Find x: 5 + 4 * x = 13.", ("5 + 12", 17)),
    ],
)
def test_an_equation_is_asked_and_tried(equation: Equation, question: str, attempt: tuple[str, int]) -> None:
    assert equation.question == question and parse(question) == equation
    assert equation.attempt(3) == attempt


@pytest.mark.parametrize(
    "question", ["", "What is 4 - 1?", "Find x: 4 * x = 8.", "Find x: 4 * x + 5 = 13", "Find x: ４ * x + 5 = 13."]
)
def test_another_question_is_refused(question: str) -> None:
    with pytest.raises(ValueError, match="not a question of search"):
        parse(question)


@pytest.mark.parametrize(
    "options",
    [
        {},
        BOUNDS | {"min_answer": 0},
        BOUNDS | {"min_answer": 7},
        BOUNDS | {"max_factor": 3},
        {"min_answer": 1, "max_answer": 9},
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="needs 1 <= min_answer <= max_answer, constant_first, and nothing else"):
        next(generate(options, 1))


@pytest.mark.parametrize(
    ("predicted", "right"),
    [
        *[(text, True) for text in ("3", " 3 ", "3.0", "+3")],
        *[(text, False) for text in ("x = 3", "3 or 4", "", "４", "nan", "3e0", "33", "-3")],
    ],
)
def test_verification(predicted: str, right: bool) -> None:
    assert verify(predicted, "3") == right
