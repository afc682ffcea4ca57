"""A teacher behind an endpoint: its completions are put into our form, and reach the SFT set."""

from pathlib import Path
from typing import Any

import pytest

from r1.curation.cold_start import cold_start_set
from r1.curation.filters import NothingKept
from r1.curation.form import into_form
from r1.curation.rejection import sft_set
from r1.models.policy import Policy
from r1.rewards.accuracy import is_correct
from r1.rewards.response import parse_response
from tests.conftest import compose
from tests.sampling.test_openai_engine import Answer, Endpoint, chat, endpoint

__all__ = ["endpoint"]

FORMED = "<think>3 + 1 = 4.</think>The sum is 4.\n<answer>4</answer>"
FORMS = {
    "in-form": ("<think>3 + 1 = 4.</think><answer>4</answer>", "<think>3 + 1 = 4.</think><answer>4</answer>"),
    "sentence": ("<think>3 + 1 = 4.</think>The answer is 4.", None),
    "box": ("<think>\n3 + 1 = 4.\n</think>\n\nThe sum is $\\boxed{4}$.", None),
    "display": ("<think>3 + 1 = 4.</think>\n\\[\n\\boxed{4}\n\\]", None),
    "opened-by-the-template": ("3 + 1 = 4.</think>The sum is \\boxed{4}.", None),
    "summary": ("<think>3 + 1 = 4.</think>The sum is 4.", FORMED),
    "no-think": ("First 3 + 1 = 4.\nSo the answer is \\boxed{4}.", None),
}


@pytest.mark.parametrize(("said", "formed"), FORMS.values(), ids=FORMS)
def test_reasoning_and_answer_are_put_into_the_form(said: str, formed: str | None) -> None:
    ours = into_form(said, "math")
    assert formed in (None, ours)
    response = parse_response(ours)
    assert response.well_formed and response.answer == "4" and "3 + 1 = 4." in response.reasoning
    assert is_correct(ours, "math", "4") and not is_correct(ours, "math", "5")
    assert into_form(ours, "math") == ours


UNCHANGED = {
    "undecided": "<think>Hm.</think>\\boxed{4} or \\boxed{5}",
    "asked": "Is the answer 4?",
    "only-an-answer": "\\boxed{4}",
    "no-reasoning": "<think></think>The answer is \\boxed{4}.",
    "only-a-thought": "<think>3 + 1 = 4.",
    "several-thoughts": "<think>a</think><think>b</think>The answer is 4.",
    "repeated-answers": "<think>a</think><answer>4</answer><answer>5</answer>",
    "nothing": "",
}


@pytest.mark.parametrize("said", UNCHANGED.values(), ids=UNCHANGED)
def test_what_cannot_be_put_into_the_form_is_left_to_the_filters(said: str) -> None:
    assert into_form(said, "math") == said


def test_code_is_taken_out_of_its_fence() -> None:
    said = "<think>Add them.</think>Here it is:\n```python\ndef f(a, b):\n    return a + b\n```\nIt adds."
    assert into_form(said, "code") == "<think>Add them.</think><answer>def f(a, b):\n    return a + b</answer>"


PROBLEMS = [{"prompt": f"What is {n} + 1?", "task": "chain_sum", "answer": str(n + 1)} for n in range(1, 5)]
GENERAL = [{"prompt": f"Name fruit {n}.", "chosen": f"Apple {n}."} for n in range(20)]


def _sum(body: dict[str, Any]) -> tuple[int, int]:
    first = int(body["messages"][-1]["content"].split()[2])
    return first, first + 1


def beside(body: dict[str, Any], nth: int) -> Answer:
    first, total = _sum(body)
    return chat(f"The sum is $\\boxed{{{total}}}$.", reasoning_content=f"First {first} + 1 = {total}.\n")


def inside(body: dict[str, Any], nth: int) -> Answer:
    first, total = _sum(body)
    return chat(f"<think>\nFirst {first} + 1 = {total}.\n</think>\n\nThe answer is {total}.")


def boxed(body: dict[str, Any], nth: int) -> Answer:
    first, total = _sum(body)
    return chat(f"First {first} + 1 = {total}.\nThe answer is \\boxed{{{total}}}.")


@pytest.mark.parametrize("teacher", [beside, inside, boxed], ids=["reasoning-content", "think-in-content", "boxed"])
def test_a_reasoning_teacher_reaches_the_sft_set(teacher: Any, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.answer = teacher
    config = compose("rejection_sampling.sampling.num_samples=1").rejection_sampling
    config = config.model_copy(update={"engine": endpoint.engine(), "general_ratio": 0.5})
    made = sft_set(Policy(tmp_path / "unused"), PROBLEMS, GENERAL, config, 7, tmp_path)
    rows = [row for row in made.examples if row["kind"] == "reasoning"]
    assert [row["prompt"] for row in rows] == [problem["prompt"] for problem in PROBLEMS]
    for row, problem in zip(rows, PROBLEMS, strict=True):
        response = parse_response(row["completion"])
        assert response.well_formed and response.answer == problem["answer"], row["completion"]
        assert f"+ 1 = {problem['answer']}." in response.reasoning
    assert made.counts["acceptance_rate"] == 1.0 and made.counts["general"] == 2


def test_the_cold_start_takes_a_teacher_too(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.answer = beside
    config = compose("cold_start_data.sampling.num_samples=1").cold_start_data
    config = config.model_copy(update={"engine": endpoint.engine(), "max_kept_per_prompt": 2, "max_examples": 100})
    made = cold_start_set(Policy(tmp_path / "zero"), Policy(tmp_path / "base"), PROBLEMS, config, 7, tmp_path)
    assert made.examples[0]["completion"] == "<think>First 1 + 1 = 2.</think>The answer is <answer>2</answer>"


def test_a_wrong_teacher_is_not_taken(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.answer = lambda body, nth: chat("The sum is \\boxed{99}.", reasoning_content="I guess, 99 perhaps.")
    config = compose("rejection_sampling.sampling.num_samples=1").rejection_sampling
    config = config.model_copy(update={"engine": endpoint.engine()})
    with pytest.raises(NothingKept, match="they are wrong, such as '99' for gold '2'"):
        sft_set(Policy(tmp_path / "unused"), PROBLEMS, GENERAL, config, 7, tmp_path)
