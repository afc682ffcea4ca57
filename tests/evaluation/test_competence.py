"""Steps are read as the corpus writes them, in both languages, and judged given what came before."""

import random

import pandas as pd
import pytest

from r1.config.data import StylesConfig
from r1.data.documents import write_response
from r1.evaluation.competence import NEXT, OPERATION, SETUP, TARGET, VERDICT, competence, steps
from r1.tasks import search

EQUATION = "Find x: 4 * x + 5 = 13."
RIGHT = {NEXT: True, SETUP: True, TARGET: True, VERDICT: True}


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("First 5 - 3 = 2.\nThen 2 + 7 = 8.", [True, False], id="english"),
        pytest.param("先算 5 - 3 得 2。\n再算 2 + 7 得 8。", [True, False], id="chinese"),
        pytest.param("3 * 4 = 12", [True], id="product"),
        pytest.param("-3 - -4 = 1", [True], id="signed"),
        pytest.param("5 - 3 = 2.5", [], id="no-integer"),
        pytest.param("1.5 - 3 = -2", [], id="no-integer-operand"),
        pytest.param("5 - 3 + 4 = 6", [False], id="the-last-operation-of-a-chain-is-read-alone"),
        pytest.param("x - 3 = 2, 7 / 1 = 7, 2 + = 3", [], id="none-of-ours"),
    ],
)
def test_operations(completion: str, expected: list[bool]) -> None:
    assert list(steps("What is it?", completion, "chain_sum")) == [(OPERATION, right) for right in expected]


@pytest.mark.parametrize(
    ("completion", "wrong"),
    [
        pytest.param("Try 1: 4 + 5 = 9, not 13.", None, id="right"),
        pytest.param("试 1: 4 + 5 得 9，不是 13。", None, id="chinese"),
        pytest.param("Try 2: 8 + 5 = 13, that is 13.", NEXT, id="starts-at-two"),
        pytest.param("Try 1: 8 + 5 = 13, that is 13.", SETUP, id="wrong-product"),
        pytest.param("Try 1: 4 - 5 = -1, not 13.", SETUP, id="wrong-sign"),
        pytest.param("Try 1: 4 + 5 = 9, not 15.", TARGET, id="wrong-target"),
        pytest.param("Try 1: 4 + 5 = 9, that is 13.", VERDICT, id="wrongly-found"),
        pytest.param("Try 1: 4 + 5 = 13, not 13.", VERDICT, id="wrongly-rejected"),
    ],
)
def test_tries(completion: str, wrong: str | None) -> None:
    found = dict(list(steps(EQUATION, completion, "search"))[1:])
    assert found == RIGHT | ({wrong: False} if wrong else {})


def test_a_repeated_try_is_not_the_next() -> None:
    twice = "Try 1: 4 + 5 = 9, not 13.\nWait, try 1: 4 + 5 = 9, not 13."
    assert [right for kind, right in steps(EQUATION, twice, "search") if kind == NEXT] == [True, False]


def test_the_corpus_authors_make_no_wrong_step() -> None:
    styles = StylesConfig(
        direct=0, chinese=0.3, mixed=0.3, tagged=0.3, summary=0.5, slip=0.5, careful=0, confirm=0, header=0
    )
    rng, seen = random.Random(1), 0
    problems = search.generate({"min_answer": 1, "max_answer": 9, "constant_first": False}, 5)
    for problem, _ in zip(problems, range(50), strict=False):
        response, _ = write_response(problem, styles, rng)
        read = list(steps(problem.question, response, problem.task))
        assert read and all(right for _, right in read), response
        seen += len(read)
    assert seen > 500


def test_shares_are_per_problem() -> None:
    texts = ["5 - 3 = 2. 2 + 2 = 5.", "5 - 3 = 2.", "no step"]
    samples = pd.DataFrame({"completion": texts, "problem": [0, 0, 1]}).assign(
        prompt="", task="chain_sum", family="chain_sum", level="train"
    )
    assert competence(samples).to_dict("records") == [
        {"problem": 0, "family": "chain_sum", "level": "train", "step": OPERATION, "right": 2 / 3, "count": 3}
    ]


def test_no_step_gives_an_empty_table() -> None:
    samples = pd.DataFrame(
        [{"problem": 0, "prompt": "", "completion": "", "task": "code", "family": "code", "level": "train"}]
    )
    assert competence(samples).empty
