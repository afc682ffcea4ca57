"""Filters: every completion leaves with one reason, and what is kept stays right in its readable form."""

from collections import Counter
from typing import Any, get_args

import pytest

from r1.curation.filters import (
    Candidate,
    NothingKept,
    Reason,
    acceptance,
    as_table,
    check_kept,
    drop_reasons,
    rewrite,
    select,
)
from r1.rewards.accuracy import is_correct
from r1.rewards.response import parse_response
from r1.sampling import Completion

GOOD = "<think>First 1 + 3 = 4.</think><answer>4</answer>"
WORDS = 12


def candidate(text: str, prompt: str = "What is 1 + 3?", truncated: bool = False, answer: str = "4") -> Candidate:
    problem = {"prompt": prompt, "task": "chain_sum", "answer": answer}
    return Candidate(problem, Completion(text, tokens=len(text.split()), truncated=truncated), "model")


def thought(reasoning: str) -> str:
    return f"<think>{reasoning}</think><answer>4</answer>"


JUDGED: dict[Reason, Candidate] = {
    "kept": candidate(GOOD),
    "truncated": candidate(GOOD, truncated=True),
    "no_single_answer": candidate(GOOD + GOOD),
    "wrong": candidate("<think>First 1 + 3 = 5.</think><answer>5</answer>"),
    "no_reasoning": candidate("4"),
    "mixed_language": candidate(thought("First 1 + 1 = 2.\n再算 2 + 2 得 4。")),
    "code_block": candidate(thought("First\n```\n1 + 3\n```")),
    "long_paragraph": candidate(thought("so " * (WORDS + 1))),
    "repetition": candidate(thought("First 1 + 3 = 4.\n" * 5)),
}


@pytest.mark.parametrize("reason", JUDGED)
def test_drop_reasons_gives_exactly_that_reason(reason: Reason) -> None:
    assert drop_reasons([JUDGED[reason]], WORDS) == [reason]
    assert select([JUDGED[reason]], WORDS, max_kept_per_prompt=1, max_kept=1) == [reason]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "no_single_answer", id="empty"),
        pytest.param("<think></think><answer>4</answer>", "no_reasoning", id="empty-think"),
        pytest.param("<think>First</think><answer></answer>", "no_single_answer", id="empty-answer"),
        pytest.param("<think>先算</think><answer>5</answer>", "wrong", id="wrong-before-unreadable"),
        pytest.param("First 1 + 3 = 4.\nThe answer is 4.", "kept", id="untagged"),
    ],
)
def test_drop_reasons_of_edge_cases(text: str, reason: Reason) -> None:
    assert drop_reasons([candidate(text)], WORDS) == [reason]


def test_every_reason_can_be_had_and_the_counts_add_up() -> None:
    other, third = thought("So 1 + 3 = 4."), thought("Then 1 + 3 = 4.")
    capped = {
        "duplicate": candidate(GOOD),
        "enough_for_prompt": candidate(third),
        "enough": candidate(GOOD, prompt="one prompt more"),
    }
    given = [JUDGED["kept"], candidate(other), *JUDGED.values(), *capped.values()]
    reasons = select(given, WORDS, max_kept_per_prompt=2, max_kept=2)
    expected = ["kept", "kept", *("duplicate" if reason == "kept" else reason for reason in JUDGED), *capped]
    assert reasons == expected
    assert set(reasons) == set(get_args(Reason))

    told = acceptance(reasons)
    assert told["candidates"] == len(given) == sum(told["reasons"].values())
    assert told["acceptance_rate"] == pytest.approx(told["reasons"]["kept"] / len(given))
    assert told["reasons"] == Counter(expected)


@pytest.mark.parametrize(
    ("per_prompt", "in_all", "expected"),
    [
        pytest.param(9, None, ["kept"] * 6, id="no-cap"),
        pytest.param(2, None, ["kept", "kept", "enough_for_prompt"] * 2, id="per-prompt"),
        pytest.param(9, 4, ["kept"] * 4 + ["enough"] * 2, id="in-all"),
        pytest.param(1, 1, ["kept", *["enough_for_prompt"] * 2, *["enough"] * 3], id="both"),
        pytest.param(9, 0, ["enough"] * 6, id="none"),
    ],
)
def test_caps(per_prompt: int, in_all: int | None, expected: list[Reason]) -> None:
    given = [candidate(thought(f"So {n} + 4 - {n} = 4."), prompt=prompt) for prompt in ("a", "b") for n in range(3)]
    assert select(given, WORDS, per_prompt, in_all) == expected


def test_what_is_dropped_uses_no_cap_up() -> None:
    given = [JUDGED["wrong"], JUDGED["truncated"], JUDGED["kept"], JUDGED["kept"]]
    assert select(given, WORDS, max_kept_per_prompt=1) == ["wrong", "truncated", "kept", "duplicate"]


def test_the_same_text_under_another_prompt_is_no_duplicate() -> None:
    assert select([candidate(GOOD, "a"), candidate(GOOD, "b")], WORDS, 1) == ["kept", "kept"]


def test_nothing_sampled_is_no_error() -> None:
    assert select([], WORDS, 1) == []


BOX = "I add.\n\\boxed{4}"
LIMITS: dict[Reason, str] = {"truncated": "max_new_tokens = 9"}
CAUSES = {  # completions and their reasons, the counts, the likely cause
    "truncated": (
        [(GOOD, "truncated")] * 2 + [(GOOD, "wrong")],
        "truncated 2 (max_new_tokens = 9), wrong 1",
        "raise it",
    ),
    "also-truncated": (
        [(GOOD, "truncated")] + [(GOOD, "mixed_language")] * 2,
        "mixed_language 2, truncated 1 (max_new_tokens = 9)",
        "language_consistency_reward",
    ),
    "boxed": ([(BOX, "no_single_answer")] * 3, "no_single_answer 3", "3 answer in \\boxed{} without <answer>"),
    "no-form": ([("Four?", "no_single_answer")], "no_single_answer 1", "lack the think/answer form"),
    "repeated": ([(GOOD + GOOD, "no_single_answer")], "no_single_answer 1", "1 have repeated tags"),
    "wrong": ([(GOOD.replace("4", "5"), "wrong")], "wrong 1", "they are wrong, such as '5' for gold '4'"),
    "languages": ([(GOOD, "mixed_language")], "mixed_language 1", "language_consistency_reward"),
    "lines": ([(GOOD, "long_paragraph")], "long_paragraph 1", "max_paragraph_words"),
    "nothing": ([], "there are none", "no prompt fits"),
}


@pytest.mark.parametrize(("dropped", "counts", "cause"), CAUSES.values(), ids=CAUSES)
def test_an_empty_set_names_the_likely_cause(dropped: list[tuple[str, Any]], counts: str, cause: str) -> None:
    given, reasons = [candidate(text) for text, _ in dropped], [reason for _, reason in dropped]
    with pytest.raises(NothingKept) as refused:
        check_kept(given, reasons, LIMITS)
    said = str(refused.value)
    assert said.startswith(f"none of {len(given)} completions passed the filters: {counts}; ")
    assert cause in said and "\n" not in said


def test_a_set_with_one_example_is_none_without() -> None:
    check_kept([candidate(GOOD)] * 2, ["wrong", "kept"], LIMITS)
    assert acceptance([]) == {"candidates": 0, "acceptance_rate": 0.0, "reasons": {}}


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        pytest.param(GOOD, "4", id="r1-form"),
        pytest.param("First 1 + 3 = 4.\nThe answer is 4.", "4", id="untagged"),
        pytest.param("First 1 + 3 = 4.\n\n  4  \n", "4", id="untagged-number"),
        pytest.param("<think>\n First 1 - 5 = -4.\n\n</think>So: <answer> -4 </answer>", "-4", id="white-space"),
        pytest.param("先算 1 + 3 得 4。\n答案是 4。", "4", id="chinese"),
    ],
)
def test_rewrite_keeps_the_answer_and_is_well_formed(completion: str, answer: str) -> None:
    again = rewrite(completion)
    assert is_correct(again, "chain_sum", answer)
    before, after = parse_response(completion), parse_response(again)
    assert after.well_formed and after.reasoning and after.summary.startswith("The answer is")
    assert [line.strip() for line in before.reasoning.splitlines() if line.strip()] == after.reasoning.splitlines()
    assert rewrite(again) == again


def test_the_table_says_why() -> None:
    rows = as_table([JUDGED["kept"], JUDGED["wrong"]], ["kept", "wrong"])
    assert [row["reason"] for row in rows] == ["kept", "wrong"]
    assert rows[0] == {
        **dict.fromkeys(("family", "level")),
        "task": JUDGED["kept"].problem["task"],
        "prompt": "What is 1 + 3?",
        "answer": "4",
        "completion": GOOD,
        "tokens": 6,
        "source": "model",
        "reason": "kept",
    }
    with pytest.raises(ValueError):
        as_table([JUDGED["kept"]], [])
