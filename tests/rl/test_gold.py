"""Which prompts are listed for a gold answer that may be wrong."""

import pytest

from r1.rl.gold import suspects

CASES: dict[str, tuple[str, list[str], tuple[str, int] | None]] = {
    "all-agree": ("math", ["5", "5", "5", "5"], ("5", 4)),
    "half-agrees": ("math", ["5", "6", "5", "7"], ("5", 2)),
    "by-value": ("math", ["1/2", "0.5", "7", "8"], ("1/2", 2)),
    "too-few-agree": ("math", ["5", "6", "7", "8"], None),
    "too-few-samples": ("math", ["5", "5", "5"], None),
    "half-without-an-answer": ("math", ["", "", "5", "5"], ("5", 2)),
    "most-without-an-answer": ("math", ["", "", "", "5"], None),
    "another-task": ("chain_sum", ["5", "+5", "6", "7"], ("5", 2)),
    "code": ("code", ["x"] * 4, None),
}


@pytest.mark.parametrize(("task", "answers", "expected"), CASES.values(), ids=CASES)
def test_agreement_without_gold_is_suspect(task: str, answers: list[str], expected: tuple[str, int] | None) -> None:
    texts = [f"<think>x</think><answer>{answer}</answer>" for answer in answers]
    found = suspects([{"prompt": "?", "task": task, "answer": "3", "kind": ""}], [texts])
    if expected is None:
        assert found == []
        return
    voted, agreeing = expected
    row = {"prompt": "?", "task": task, "answer": "3", "voted": voted, "agreeing": agreeing, "samples": len(texts)}
    assert found == [row]
