"""Budget forcing on completions made by hand, with an engine that answers what it is told to."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from r1.evaluation.thinking import Form, accuracy_by_budget
from r1.evaluation.verdicts import read_both_ways
from r1.sampling import Conversation
from r1.sampling.fitting import ContextExceeded
from tests.conftest import compose
from tests.sampling.scripted import Scripted

TAGGED, PLAIN, BOXED = Form(thinks=True, tags=True), Form(thinks=False, tags=True), Form(thinks=True, tags=False)
CONFIG = compose(
    "evaluate.thinking.budgets=[3]",
    "report.thinking_budget=3",
    "evaluate.thinking.answer_tokens=2",
    "evaluate.thinking.problems=1",
    "evaluate.sampling.max_new_tokens=9",
).evaluate


@pytest.mark.parametrize(
    ("form", "text", "made"),
    [
        pytest.param(TAGGED, "<think>3 + 4 =", "<think>3 + 4 =</think><answer>", id="thinking"),
        pytest.param(TAGGED, "<think>3 + 4 = 7.</think>", "<think>3 + 4 = 7.</think><answer>", id="after-thinking"),
        pytest.param(TAGGED, "<think>.</think><answer>1", "<think>.</think><answer>1", id="answering"),
        pytest.param(TAGGED, "", "<think></think><answer>", id="nothing-yet"),
        pytest.param(TAGGED, "<thi", "<think></think><answer>", id="a-piece-of-a-tag"),
        pytest.param(TAGGED, "<think>3.</th", "<think>3.</think><answer>", id="a-piece-of-the-next-tag"),
        pytest.param(TAGGED, "3 < 4 and 5 <", "3 < 4 and 5 \nThe answer is", id="a-sign-may-be-a-piece"),
        pytest.param(TAGGED, "3 + 4 =", "3 + 4 =\nThe answer is", id="plain-in-spite-of-the-others"),
        pytest.param(PLAIN, "3 + 4 = 7.\n", "3 + 4 = 7.\nThe answer is", id="plain-line"),
        pytest.param(PLAIN, "", "The answer is", id="plain-nothing"),
        pytest.param(PLAIN, "<think>3 + 4", "<think>3 + 4</think><answer>", id="tagged-in-spite-of-the-others"),
        pytest.param(BOXED, "<think>\n3 +", "<think>\n3 +</think>\nThe answer is", id="thinking-and-no-answer-tags"),
        pytest.param(BOXED, "<think>3</think>It", "<think>3</think>It\nThe answer is", id="summing-up"),
    ],
)
def test_a_cut_completion_is_made_to_answer_in_its_own_form(form: Form, text: str, made: str) -> None:
    assert form.made_to_answer(text) == made


@pytest.mark.parametrize(
    ("completions", "form"),
    [
        (["<think>.</think><answer>1</answer>", "<think>", "1"], TAGGED),
        (["<think>.</think><answer>1</answer>", "1", "1"], PLAIN),
        (["<think>.</think>1", "<think>.</think>2", "<think>.</think><answer>1</answer>"], BOXED),
        (["<think>"], TAGGED),
        (["1", "2"], PLAIN),
    ],
)
def test_the_form_is_that_of_most_completions(completions: list[str], form: Form) -> None:
    assert Form.of(completions) == form


def first_words(text: str, count: int) -> str:
    """A word, or a tag, is a token."""
    return " ".join(text.split(" ")[:count])


ANSWERED = "<think> 7. </think> <answer> 7 </answer>"
THINKING = "<think> 3 + 4 = 7 so </think> <answer> 7 </answer>"
OTHER = "What is 2 + 2?"


def samples(*completions: str, truncated: bool = False, **changed: Any) -> pd.DataFrame:
    """An evaluation's rows for one problem of each of two families, of which the second is answered at once."""
    rows = []
    for problem, (family, level, prompt, answer, texts) in enumerate(
        [
            ("sums", "train", "What is 3 + 4?", "7", list(completions)),
            ("sums", "train", "What is 7 + 0?", "7", ["beyond the first problem of this family"]),
            ("others", "hard", OTHER, "4", ["4"]),
        ]
    ):
        for text in texts:
            (read,) = read_both_ways([text], ["chain_sum"], [answer])
            asked = {"problem": problem, "prompt": prompt, "family": family, "level": level, "answer": answer}
            words = {"completion": text, "tokens": len(text.split(" ")), "truncated": truncated, "too_long": False}
            rows.append(asked | {"task": "chain_sum"} | words | read)
    return pd.DataFrame(rows).assign(**changed)


def saying(answer: Callable[[str], str | None]) -> Scripted:
    return Scripted("zero", lambda model, conversation, nth: answer(conversation[-1]["content"]))


def of(table: pd.DataFrame, family: str, budget: int) -> dict[str, Any]:
    (row,) = table[(table["family"] == family) & (table["budget"] == budget)].to_dict("records")
    return {str(key): value for key, value in row.items()}


def test_completions_are_cut_and_answer() -> None:
    """At 3 tokens the first is made to answer and wrong; at 9 both are as they were drawn."""
    asked: list[Conversation] = []

    def answer(begun: str) -> str:
        return "12</answer>" if begun.endswith("<answer>") else " 4."

    sampler = saying(answer)
    table = accuracy_by_budget(sampler, first_words, samples(THINKING, "7"), CONFIG, seed=5)
    assert list(table.columns) == [
        "problem", "family", "level", "budget", "pass_at_1", "lenient_pass_at_1", "forced",
    ]  # fmt: skip
    assert table["budget"].tolist() == [3, 3, 9, 9] and table["problem"].tolist() == [0, 2, 0, 2]
    early, late = of(table, "sums", 3), of(table, "sums", 9)
    assert (early["pass_at_1"], early["lenient_pass_at_1"], early["forced"]) == (0.5, 0.5, 0.5)
    assert (late["pass_at_1"], late["lenient_pass_at_1"], late["forced"]) == (0.5, 0.5, 0.5), "it has 11 tokens"
    assert of(table, "others", 3)["pass_at_1"] == 1.0
    for begun, sampling, seed in sampler.asked:
        asked += begun
        assert (sampling.num_samples, sampling.max_new_tokens, seed) == (1, 2, 5)
        assert sampling.temperature == CONFIG.sampling.temperature
    assert [[message["role"] for message in one] for one in asked] == [["user", "assistant"]] * 2
    assert [one[-1]["content"] for one in asked] == ["<think> 3 +</think><answer>", first_words(THINKING, 9)]


@pytest.mark.parametrize(
    ("completion", "truncated", "said", "right", "forced"),
    [
        pytest.param(ANSWERED, False, "8", 1.0, 0.0, id="ended-with-an-answer"),
        pytest.param(ANSWERED + " and on", True, "8", 1.0, 0.0, id="answered-but-not-ended"),
        pytest.param("<think> 3 + 4 =", True, "7</answer>", 1.0, 1.0, id="cut-off"),
        pytest.param("<think> 3 + 4 =", False, "7</answer>", 1.0, 1.0, id="ended-without-an-answer"),
        pytest.param("<think> 3 + 4 =", True, "8</answer>", 0.0, 1.0, id="wrong"),
        pytest.param("<think> 3 + 4 =", True, None, 0.0, 1.0, id="no-room-for-an-answer"),
    ],
)
def test_at_the_limit(completion: str, truncated: bool, said: str | None, right: float, forced: float) -> None:
    table = accuracy_by_budget(
        saying(lambda begun: said), first_words, samples(completion, truncated=truncated), CONFIG, seed=0
    )
    found = of(table, "sums", 9)
    assert (found["lenient_pass_at_1"], found["forced"]) == (right, forced)


def test_a_lenient_answer_may_be_none_of_the_strict_reading() -> None:
    """What is forced after untagged thinking in tags has no strict form."""
    boxed = ["<think> 3 + 4 is a sum of numbers </think> 7"] * 2
    table = accuracy_by_budget(saying(lambda begun: " 7."), first_words, samples(*boxed), CONFIG, seed=0)
    assert (of(table, "sums", 3)["pass_at_1"], of(table, "sums", 3)["lenient_pass_at_1"]) == (0.0, 1.0)


def test_a_problem_that_did_not_fit_stays_wrong() -> None:
    sampler = saying(lambda begun: "7")
    table = accuracy_by_budget(sampler, first_words, samples("").assign(too_long=True), CONFIG, seed=0)
    assert of(table, "sums", 9)["lenient_pass_at_1"] == 0.0 and not sampler.asked


def test_if_nothing_fits_nothing_is_right() -> None:
    class Full(Scripted):
        def sample(self, *_: Any) -> Any:
            raise ContextExceeded("none of 1 prompts fits")

    sampler = Full("zero", lambda *_: "")
    table = accuracy_by_budget(sampler, first_words, samples("<think> 3 + 4 ="), CONFIG, seed=0)
    assert of(table, "sums", 3)["lenient_pass_at_1"] == 0.0
