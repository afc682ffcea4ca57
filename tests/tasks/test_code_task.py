"""Formulas as functions: small enough for the miniature, and right or wrong for a reason."""

import json
import random
from itertools import islice
from typing import Any

import pytest

from r1.config.data import StylesConfig
from r1.data.corpus import build_corpus
from r1.data.documents import write_response
from r1.data.splits import PROBLEM_BUCKETS, draw_problems
from r1.models.tokenizer import train_tokenizer
from r1.rewards.accuracy import is_correct
from r1.rewards.response import parse_response
from r1.tasks import Problem, code
from tests.conftest import compose

CONFIG = compose("profile=smoke", "code=formulas")
FAMILY = CONFIG.prepare.families["code"]
NEVER = StylesConfig(direct=0, chinese=0, mixed=0, tagged=0, summary=0, slip=0, careful=0, confirm=0, header=0)


def problems(count: int = 12, seed: int = 3) -> list[Problem]:
    return list(islice(code.generate(FAMILY.options, seed), count))


def solution(problem: Problem) -> str:
    return code.conclude([code.work_out(problem.expressions[0], lambda _, result: result)])


def test_solutions_verify_and_other_formulas_do_not() -> None:
    for problem in problems():
        right = solution(problem)
        assert code.verify(right, problem.answer), problem
        assert not code.verify(f"{right} + 1", problem.answer), problem
        assert not code.verify(problem.expressions[0], problem.answer), problem


def test_formulas_are_worked_out_as_python_would() -> None:
    for problem in problems(200):
        space: dict[str, Any] = {}
        exec(solution(problem), space)
        exec(json.loads(problem.answer)["tests"], space)
        space["check"](space["f"])


def test_tests_depend_on_the_question_alone() -> None:
    answers: dict[str, str] = {}
    for seed in (1, 2):
        for problem in problems(400, seed):
            assert answers.setdefault(problem.question, problem.answer) == problem.answer


def test_the_same_seed_gives_the_same_problems() -> None:
    assert problems(seed=5) == problems(seed=5) != problems(seed=6)


def test_every_split_has_as_many_as_configured() -> None:
    for split in PROBLEM_BUCKETS:
        if split != "corpus":
            count = getattr(FAMILY, split)
            assert count and len(draw_problems("code", FAMILY, split, count, seed=1)) == count


@pytest.mark.parametrize(
    "options",
    [{}, {"min_terms": 1, "max_terms": 2}, {"min_terms": 3, "max_terms": 2}, {"min_terms": 2, "max_terms": 3, "x": 1}],
)
def test_impossible_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="needs 2 <= min_terms <= max_terms"):
        next(code.generate(options, 1))


def written(style: dict[str, float], count: int = 8) -> list[tuple[Problem, str]]:
    rng = random.Random(7)
    styles = NEVER.model_copy(update=style)
    return [(problem, write_response(problem, styles, rng)[0]) for problem in problems(count)]


@pytest.mark.parametrize(
    "style",
    [{}, {"chinese": 1}, {"mixed": 1, "tagged": 1}, {"direct": 1}, {"slip": 1, "careful": 1}],
    ids=["english", "chinese", "mixed-tagged", "direct", "noticed-slips"],
)
def test_authors_who_do_not_slip_or_notice_it_are_right(style: dict[str, float]) -> None:
    for problem, response in written(style):
        assert is_correct(response, "code", problem.answer), (problem, response)


def test_authors_who_slip_are_mostly_wrong() -> None:
    right = [is_correct(response, "code", problem.answer) for problem, response in written({"slip": 1, "tagged": 1})]
    assert sum(right) < 0.25 * len(right)


def test_documents_and_completions_fit_the_miniature() -> None:
    config = compose("code=formulas")
    assert config.base.pretraining is not None
    texts = [row["text"] for row in build_corpus(CONFIG.prepare, 1)]
    tokenizer = train_tokenizer(texts, config.base.pretraining.vocab_size, "r1_zero_short")
    responses = [response for _, response in written({"tagged": 1}, 300)]
    lengths = [len(tokenizer(response)["input_ids"]) for response in responses]
    assert max(lengths) < config.zero.max_completion_length
    assert sum(length < CONFIG.zero.max_completion_length for length in lengths) > 0.3 * len(lengths)
    assert all(parse_response(response).well_formed for response in responses)
