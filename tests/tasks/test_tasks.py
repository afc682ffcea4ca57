"""Families: what they ask is worked out and verified, and nothing else is."""

import re
import subprocess
import sys
from itertools import islice
from typing import Any

import pytest
import reasoning_gym

from r1.config.data import FamilyConfig
from r1.rewards.accuracy import is_correct
from r1.tasks import TASKS, VERIFIERS, WORKED, Problem, bucket, normalise, verifier_of
from r1.tasks.arithmetic import work_out
from tests.conftest import ROOT, compose

GSM = FamilyConfig(
    task="gsm_symbolic", level="train", options={}, documents=0, cold_start=0, rl=0, rejection=0, evaluate=0
)
OURS = compose().prepare.families
WORKED_FAMILIES = {name: family for name, family in OURS.items() if family.task in WORKED}
FAMILIES = {**OURS, "gsm_symbolic": GSM}
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())


def problems(family: FamilyConfig, count: int = 50, seed: int = 3) -> list[Problem]:
    return list(islice(TASKS[family.task].generate(family.options, seed), count))


def tagged(answer: str) -> str:
    return f"<think>a</think><answer>{answer}</answer>"


def test_the_project_uses_every_family() -> None:
    used = {family.task for family in compose("code=formulas").prepare.families.values()}
    assert used | set(FAMILIES) >= set(TASKS) == set(VERIFIERS) - {"math"}


def test_verifying_imports_no_task_generator() -> None:
    """A dozen stages verify, each in a process of its own."""
    code = (
        "import sys; from r1.rewards.accuracy import is_correct\n"
        "assert is_correct('<think>a</think><answer>4</answer>', 'chain_sum', '4')\n"
        "print([name for name in ('torch', 'transformers', 'reasoning_gym', 'sympy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


@each_family
def test_gold_answers_verify(family: FamilyConfig) -> None:
    for problem in problems(family):
        assert TASKS[problem.task].verify(problem.answer, problem.answer), problem
        assert is_correct(tagged(problem.answer), problem.task, problem.answer), problem


@each_family
@pytest.mark.parametrize(
    "form",
    [
        pytest.param("", id="empty"),
        pytest.param("3 or 4", id="3-or-4"),
        pytest.param("{gold} {other}", id="gold-then-other"),
        pytest.param("{other} {gold}", id="other-then-gold"),
        pytest.param("{gold} or {other}", id="gold-or-other"),
        pytest.param("{gold}, {other}", id="gold-comma-other"),
        pytest.param("{other}", id="other"),
        pytest.param("{gold}1", id="gold-and-a-digit"),
        pytest.param("nan", id="nan"),
        pytest.param("-nan", id="minus-nan"),
        pytest.param("nan + nani", id="complex-nan"),
        pytest.param("inf", id="inf"),
        pytest.param("1e999", id="float-overflow"),
        pytest.param("1e999999999", id="decimal-overflow"),
        pytest.param("9" * 200, id="200-digits"),
        pytest.param("1" + "0" * 400, id="10**400"),
        pytest.param("\ud800", id="lone-surrogate"),
        pytest.param("\0", id="nul"),
        pytest.param("None", id="none"),
    ],
)
def test_wrong_and_stuffed_answers_do_not_verify(family: FamilyConfig, form: str) -> None:
    drawn = problems(family)
    for problem in drawn:
        other = next(candidate.answer for candidate in drawn if candidate.answer != problem.answer)
        predicted = form.format(gold=problem.answer, other=other)
        assert not is_correct(tagged(predicted), problem.task, problem.answer), (problem, predicted)


@each_family
@pytest.mark.parametrize("zero", ["０", "٠", "𝟎"], ids=["full-width", "arabic-indic", "mathematical-bold"])
def test_look_alike_digits_do_not_verify(family: FamilyConfig, zero: str) -> None:
    look_alikes = {ord("0") + digit: ord(zero) + digit for digit in range(10)}
    for problem in problems(family):
        predicted = problem.answer.translate(look_alikes)
        assert not is_correct(tagged(predicted), problem.task, problem.answer), (problem, predicted)


def test_a_word_problem_comes_with_a_solution_that_ends_in_its_answer() -> None:
    for problem in problems(GSM, count=200):
        assert problem.solution and "####" not in problem.solution and "<<" not in problem.solution, problem
        numbers = re.findall(r"-?\d+", problem.solution.replace(",", ""))
        assert problem.answer in numbers or f"-{problem.answer}" in numbers, problem
        assert "final answer" not in problem.question, problem


def test_the_sign_of_an_answer_counts() -> None:
    """reasoning-gym's verifier of gsm_symbolic takes -20 for 20."""
    assert not is_correct(tagged("-20"), "gsm_symbolic", "20")
    assert not is_correct(tagged("20"), "gsm_symbolic", "-20")
    assert is_correct(tagged("20.0"), "gsm_symbolic", "20")


@pytest.mark.parametrize(
    ("task", "gold", "predicted", "is_so"),
    [
        *[
            ("gsm_symbolic", "20", text, True)
            for text in ("$20", "\\$20", "20 bananas", "20.", "20.00", "**20**", "x = 20")
        ],
        *[("gsm_symbolic", "20", text, False) for text in ("20 thousand", "20%", "40/2", "2,0", "$21", "20 or 21")],
        *[("gsm_symbolic", "1000", text, True) for text in ("1,000", "$1,000", "1,000.00", "1 000")],
        *[
            ("complex_arithmetic", "15 + 3i", text, True)
            for text in (
                "(15 + 3i)",
                "15+3i",
                "3i + 15",
                "$15 + 3i$",
                "\\boxed{15+3i}",
                "15 + 3\\mathrm{i}.",
                "z = 15 + 3i",
            )
        ],
        *[
            ("complex_arithmetic", "15 + 3i", text, False)
            for text in ("(15 + 3i", "15 - 3i", "-3i + 15", "3 + 15i", "15", "(15, 3)")
        ],
        ("complex_arithmetic", "2 - 1i", "-i + 2", True),
    ],
)
def test_dress_and_units_make_no_difference(task: str, gold: str, predicted: str, is_so: bool) -> None:
    assert is_correct(tagged(predicted), task, gold) is is_so


_PARTS = ("", "0", "3", "-3", "+3", "03", "3.0", ".5", "3.5", "nan", "1e1", "3,0", "٣", "(3)", "x")
_REST = ("", " ", "i", "2i", "+2i", " + 2i", "-2i", " - 2 i", "+i", "-i", " 2i", "+-2i", "j", "2", "\n")


@pytest.mark.parametrize(
    ("task", "gold", "entry"),
    [
        ("chain_sum", "3", {"answer": "3"}),
        ("chain_sum", "-3", {"answer": "-3"}),
        ("basic_arithmetic", "3", {"answer": "3"}),
        *[
            ("complex_arithmetic", f"{real} {sign} {size}i", {"metadata": {"result": (real, int(f"{sign}{size}"))}})
            for real, sign, size in ((3, "+", 2), (0, "-", 1), (-3, "+", 0), (0, "+", 2))
        ],
    ],
)
def test_our_verifier_gives_what_reasoning_gym_gives_full_credit(task: str, gold: str, entry: dict[str, Any]) -> None:
    """Except where theirs reads what is no number in ASCII, or two of them."""
    theirs = reasoning_gym.create_dataset(task, size=1, seed=0)
    right = 0
    for said in (start + end for start in _PARTS for end in _REST):
        full = theirs.score_answer(said, entry) == 1.0
        if verifier_of(task)(said, gold) != full:
            assert full and ("nan" in said or "٣" in said or said in (" + 2i", "0 2i")), said
        right += full
    assert right


def test_two_guesses_joined_by_a_comma_are_not_one_number() -> None:
    assert not is_correct(tagged("3,4"), "chain_sum", "34")


@pytest.mark.parametrize("task", ["", "no_such_task"])
def test_an_unknown_task_verifies_nothing(task: str) -> None:
    assert not is_correct(tagged("4"), task, "4")


@each_family
def test_the_same_seed_gives_the_same_problems(family: FamilyConfig) -> None:
    assert problems(family, seed=5) == problems(family, seed=5)
    assert problems(family, seed=5) != problems(family, seed=6)


def test_chunks_do_not_overlap() -> None:
    """Regression: a data set of consecutive seed repeats all but one entry of the one before."""
    options = {"min_terms": 4, "max_terms": 6, "min_digits": 1, "max_digits": 1}
    identities = [problem.identity for problem in islice(TASKS["chain_sum"].generate(options, 17), 5000)]
    assert len(set(identities)) > 0.9 * len(identities)


@pytest.mark.parametrize("family", WORKED_FAMILIES.values(), ids=WORKED_FAMILIES.keys())
def test_the_worked_expressions_conclude_in_the_answer(family: FamilyConfig) -> None:
    for problem in problems(family):
        values = [work_out(expression, lambda _, result: result) for expression in problem.expressions]
        assert WORKED[problem.task].conclude(values) == problem.answer, problem


@pytest.mark.parametrize(
    ("expression", "operations", "value"),
    [
        pytest.param("7", [], 7, id="number"),
        pytest.param("5 - 3 + 4", ["5 - 3", "2 + 4"], 6, id="left-to-right"),
        pytest.param("5 - 2 * 3", ["2 * 3", "5 - 6"], -1, id="products-first"),
        pytest.param("5 - (2 - 3)", ["2 - 3", "5 - -1"], 6, id="parentheses-first"),
        pytest.param("-(2 + 3) * -4", ["2 + 3", "-5 * -4"], 20, id="signs"),
    ],
)
def test_work_out_records_every_operation(expression: str, operations: list[str], value: int) -> None:
    recorded: list[str] = []

    def record(operation: str, result: int) -> int:
        recorded.append(operation)
        return result

    assert work_out(expression, record) == value
    assert recorded == operations


def test_work_out_goes_on_with_what_was_recorded() -> None:
    assert work_out("1 + 1 + 1", lambda _, result: result + 10) == 23


@pytest.mark.parametrize(
    "expression", ["4 / 2", "2 ** 3", "1.5 + 1", "x + 1", "'4'", "f(1)", "1 +", "", "1; 2", "~1", "True + 1"]
)
def test_work_out_refuses_anything_else(expression: str) -> None:
    with pytest.raises(ValueError):
        work_out(expression, lambda _, result: result)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("What is  5 - 3?", "what is 5 - 3", True, id="case-space-and-punctuation"),
        pytest.param("What is 5 - 3?", "What is 5 + 3?", False, id="operator"),
        pytest.param("What is 5 - 3?", "What is 3 - 5?", False, id="order"),
        pytest.param("(1 - 2) * 3", "1 - (2 * 3)", False, id="parentheses"),
    ],
)
def test_normalise_keeps_only_what_is_asked(one: str, other: str, same: bool) -> None:
    assert (normalise(one) == normalise(other)) is same


def test_buckets_are_all_used_and_depend_on_the_identity_alone() -> None:
    found = [bucket(f"identity {number}") for number in range(2000)]
    assert set(found) == set(range(100))
    assert found == [bucket(f"identity {number}") for number in range(2000)]
