"""reasoning-gym's families by name: gold answers are right, and what fools or harms their own verifiers is wrong."""

import json
import time
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import reasoning_gym
from reasoning_gym.factory import DATASETS

from r1.config.data import FamilyConfig
from r1.data.splits import draw_problems
from r1.rewards.accuracy import are_correct
from r1.support.errors import UserError
from r1.tasks import Problem, task_of, verify_all
from r1.tasks.reasoning_gym_family import CHUNK, REFUSED, treatment

FAMILIES = sorted(set(DATASETS) - set(REFUSED))


@cache
def problems(family: str, count: int = 3) -> list[Problem]:
    return list(islice(task_of(f"reasoning_gym/{family}").generate({}, 17), count))


def answer(problem: Problem) -> str:
    return str(json.loads(problem.answer)["answer"])


def entry(problem: Problem) -> dict[str, Any]:
    gold = json.loads(problem.answer)
    family = problem.task.removeprefix("reasoning_gym/")
    found: dict[str, Any] = reasoning_gym.create_dataset(family, size=CHUNK, seed=gold["seed"])[gold["index"]]
    return found


def passes(problem: Problem, said: str) -> bool:
    return verify_all(problem.task, [said], [problem.answer])[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_gold_is_right_and_nothing_and_the_question_are_wrong(family: str) -> None:
    for problem in problems(family):
        assert passes(problem, answer(problem)) and passes(problem, f" {answer(problem)}\n")
        for said in ("", "  \n", problem.question, f"{problem.question}\n{answer(problem)}", "nan", "()", "\x00"):
            assert not passes(problem, said), said


def test_every_family_of_reasoning_gym_is_there() -> None:
    assert len(FAMILIES) + len(REFUSED) == len(DATASETS) and set(REFUSED) <= set(DATASETS)
    assert {treatment(family) for family in DATASETS} == {
        "refused", "our own check", "its own, full credit", "the gold answer",
    }  # fmt: skip


def shifted(problem: Problem) -> str:
    numbers = [float(number) for number in json.loads(answer(problem).replace("'", '"'))]
    return json.dumps([numbers[0] - 0.5 * (1 if numbers == sorted(numbers) else -1), *numbers[1:]])


def larger(problem: Problem) -> str:
    board = json.loads(answer(problem))
    return json.dumps([[*row, 1] for row in board])


FOOLED: list[tuple[str, Callable[[Problem], str]]] = [
    ("puzzle24", lambda _: "3 * 8 * 1 * 1"),
    ("countdown", lambda problem: str(entry(problem)["metadata"]["target"])),
    ("number_sorting", shifted),
    ("coin_flip", lambda _: "0"),
    ("simple_integration", lambda problem: f"Integral({entry(problem)['metadata']['integrand']}, X)"),
    ("simple_integration", lambda _: "10**15"),
    ("simple_integration", lambda problem: f"2*({answer(problem)})"),
    ("polynomial_multiplication", lambda problem: str(entry(problem)["metadata"]["polynomial_expr"])),
    ("game_of_life", larger),
    ("game_of_life_halting", lambda problem: {"True": "False", "False": "True"}[answer(problem)]),
    ("complex_arithmetic", lambda _: "nan"),
    ("sokoban", lambda problem: f"I would go {answer(problem)}"),
    ("quantum_lock", lambda problem: f"The answer: {answer(problem)}"),
    ("figlet_font", lambda problem: f"{answer(problem)}S"),
    ("prime_factorization", lambda problem: str(entry(problem)["metadata"]["number"])),
    ("fraction_simplification", lambda problem: "{numerator}/{denominator}".format(**entry(problem)["metadata"])),
]


@pytest.mark.parametrize(("family", "change"), FOOLED)
def test_what_fools_a_verifier_is_wrong(family: str, change: Callable[[Problem], str]) -> None:
    problem = problems(family)[0]
    if family == "prime_factorization":  # one of which is no prime
        problem = next(one for one in problems(family) if "×" in answer(one))
    if family == "fraction_simplification":
        problem = next(one for one in problems(family) if entry(one)["metadata"]["reduction_factor"] != 1)
    assert not passes(problem, change(problem)), change(problem)


OTHERS: list[tuple[str, Callable[[str], str]]] = [
    ("chain_sum", lambda gold: f"{gold}.0"),
    ("simple_integration", lambda gold: gold.replace(" + C", "")),
    ("simple_integration", lambda gold: f"{gold} + 7"),
    ("countdown", lambda gold: f"({gold})"),
    ("puzzle24", lambda gold: gold.replace(" ", "")),
    ("polynomial_multiplication", lambda gold: f"0 + {gold}"),
    ("number_sorting", lambda gold: gold.replace("'", '"')),
    ("knights_knaves", lambda gold: gold.replace(", and", " and").rstrip(".")),
    ("group_anagrams", lambda gold: json.dumps(json.loads(gold)[::-1])),
    ("sudoku", lambda gold: gold.replace(" ", "  ")),
]


@pytest.mark.parametrize(("family", "change"), OTHERS)
def test_another_way_to_say_it_is_right(family: str, change: Callable[[str], str]) -> None:
    for problem in problems(family):
        assert passes(problem, change(answer(problem))), change(answer(problem))


HARMFUL = ("9**9**9**9", "(" * 90 + "1" + ")" * 90, "1e999999999", "U999999999", "[" * 200, "9" * 250, "1/0")


@pytest.mark.parametrize("family", FAMILIES)
def test_no_answer_runs_or_takes_long(family: str, tmp_path: Path) -> None:
    problem, touched = problems(family)[0], tmp_path / "touched"
    started = time.process_time()
    for said in (*HARMFUL, f"__import__('pathlib').Path({str(touched)!r}).touch()", f"[open({str(touched)!r}, 'w')]"):
        assert not passes(problem, said), said
    assert not touched.exists()
    assert time.process_time() - started < 2


def family_config(family: str, **values: Any) -> FamilyConfig:
    counts = {"documents": 0, "cold_start": 0, "rl": 3, "rejection": 0, "evaluate": 0}
    return FamilyConfig.model_validate(
        {"task": f"reasoning_gym/{family}", "level": "train", "options": {}} | counts | values
    )


WRONG = [
    ("countdwn", {}, r"prepare\.families\.mine: reasoning-gym has no family 'countdwn' \(did you mean 'countdown'\?\)"),
    ("propositional_logic", {}, r"reasoning_gym/propositional_logic cannot be used: any premise repeated"),
    ("gcd", {"options": {"min_number": 1}}, r"options .* of reasoning-gym's gcd: .*min_number"),
    ("gcd", {"options": {"min_numbers": 9, "max_numbers": 2}}, r"options .* of reasoning-gym's gcd: "),
]


@pytest.mark.parametrize(("family", "values", "message"), WRONG)
def test_a_family_that_cannot_be_drawn_is_named(family: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        draw_problems("mine", family_config(family, **values), "rl", 3, 17)


def test_problems_are_drawn_and_rewarded_as_ours_are() -> None:
    drawn = draw_problems("mine", family_config("gcd", options={"max_value": 50}), "rl", 3, 17)
    assert drawn == draw_problems("mine", family_config("gcd", options={"max_value": 50}), "rl", 3, 17)
    right = [f"<think>.</think><answer>{answer(problem)}</answer>" for problem in drawn]
    tasks, golds = [problem.task for problem in drawn], [problem.answer for problem in drawn]
    assert are_correct(right, tasks, golds) == [True] * 3
    assert are_correct(["<think>.</think><answer>0</answer>"] * 3, tasks, golds) == [False] * 3


def test_a_gold_answer_of_another_version_is_not_silently_wrong() -> None:
    problem = problems("gcd")[0]
    told = json.loads(problem.answer) | {"answer": "-1"}
    with pytest.raises(UserError, match=r"reasoning_gym/gcd gives other answers than when the prompts were made"):
        verify_all(problem.task, ["1"], [json.dumps(told)])
    with pytest.raises(UserError, match=r"the gold answer of reasoning_gym/gcd does not lead to its problem"):
        verify_all(problem.task, ["1"], ["7"])
