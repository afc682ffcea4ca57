"""The reward of code: right or wrong by its tests, and never silently anything else."""

import json
from pathlib import Path
from typing import Any

import pytest

from r1.curation.filters import Candidate, drop_reasons
from r1.rewards import build_rewards
from r1.rewards.accuracy import AccuracyReward, is_correct
from r1.rewards.code import CodeReward, code_format_reward
from r1.sampling import Completion
from r1.sandbox import process
from r1.sandbox.isolation import SandboxUnavailable
from r1.support.errors import UserError
from tests.conftest import compose

OPTIONS = compose().rl.reward_options
ADD = "def f(a, b): return a + b"
SUBTRACT = "def f(a, b): return a - b"
GOLD = json.dumps(
    {"prompt": "", "entry_point": "f", "tests": "def check(candidate):\n    assert candidate(1, 2) == 3\n"}
)


def tagged(answer: str) -> str:
    return f"<think>Add.</think><answer>{answer}</answer>"


def pay(*completions: str, **columns: Any) -> list[float | None]:
    defaults = {"task": ["code"] * len(completions), "answer": [GOLD] * len(completions)}
    return CodeReward()(completions=list(completions), **(defaults | columns))


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        pytest.param(tagged(ADD), 1.0, id="tagged"),
        pytest.param(tagged(f"```python\n{ADD}\n```"), 1.0, id="fence"),
        pytest.param(tagged(f"```\n{ADD}\n```"), 1.0, id="fence-without-language"),
        pytest.param(tagged(f"```Python\n{ADD}\n```"), 1.0, id="fence-with-a-capital"),
        pytest.param(tagged(f"```python3\n{ADD}\n```"), 1.0, id="fence-of-python-3"),
        pytest.param(tagged(f"```python\r\n{ADD}\r\n```"), 1.0, id="fence-of-windows"),
        pytest.param(tagged(f"~~~py\n{ADD}\n~~~"), 1.0, id="fence-of-tildes"),
        pytest.param(tagged(f"~~~\n{ADD}\n```"), 0.0, id="fences-that-differ"),
        pytest.param(tagged(f"\n\n{ADD}\n\n"), 1.0, id="white-space"),
        pytest.param(f"First f = a + b.\nThe answer is {ADD}.", 1.0, id="untagged"),
        pytest.param(tagged(ADD + "\n#" + "x" * 15_000), 1.0, id="15000-characters"),
        pytest.param(tagged(ADD + "\n#" + "x" * 20_000), 0.0, id="too-long"),
        pytest.param(tagged(SUBTRACT), 0.0, id="wrong"),
        pytest.param(tagged(ADD) + tagged(ADD), 0.0, id="twice"),
        pytest.param(tagged("3"), 0.0, id="the-result"),
        pytest.param(tagged("import sys; sys.exit(0)"), 0.0, id="exit"),
        pytest.param("", 0.0, id="empty"),
        pytest.param(tagged(f"Here it is:\n```python\n{ADD}\n```"), 0.0, id="prose-around-the-fence"),
    ],
)
def test_code_is_paid_by_its_tests(completion: str, value: float) -> None:
    assert pay(completion) == [value]


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        pytest.param(tagged(f"```python\n{SUBTRACT}\n```"), 1.0, id="fence"),
        pytest.param(tagged(f"\n```Python\n{ADD}\n```\n"), 1.0, id="fence-with-a-capital"),
        pytest.param(tagged(f"```\n{ADD}\n```"), 0.0, id="fence-without-language"),
        pytest.param(tagged(f"```java\n{ADD}\n```"), 0.0, id="another-language"),
        pytest.param(tagged("```python\n\n```"), 0.0, id="empty-fence"),
        pytest.param(tagged(ADD), 0.0, id="no-fence"),
        pytest.param(tagged(f"```python\n{ADD}"), 0.0, id="open-fence"),
        pytest.param(f"```python\n{ADD}\n```", 0.0, id="untagged"),
        pytest.param("", 0.0, id="empty"),
    ],
)
def test_code_format_is_a_fence_in_the_form(completion: str, value: float) -> None:
    assert code_format_reward(completions=[completion] * 2, task=["code", "math"]) == [value, None]


def test_each_prompt_has_one_of_the_two_rewards() -> None:
    batch = {
        "completions": [tagged(ADD), tagged("4"), "Hello."],
        "task": ["code", "chain_sum", ""],
        "answer": [GOLD, "4", ""],
    }
    assert CodeReward()(**batch) == [1.0, None, None]
    assert AccuracyReward()(**batch) == [None, 1.0, None]


def test_a_batch_is_verified_in_its_order_by_any_number_of_workers() -> None:
    batch = {"completions": [tagged(ADD), tagged(SUBTRACT)] * 4, "task": ["code"] * 8, "answer": [GOLD] * 8}
    for workers in (1, 2, 5):
        assert CodeReward(workers)(**batch) == [1.0, 0.0] * 4


@pytest.mark.parametrize(
    "gold",
    [
        *("4", "", "[]", "{}", '{"prompt": "", "entry_point": "f", "tests": "def check("}'),
        GOLD.replace('"prompt": ""', '"prompt": null'),
        GOLD.replace('"prompt": ""', '"prompt": "def"'),
    ],
)
def test_broken_tests_give_no_reward_and_a_warning(gold: str) -> None:
    with pytest.warns(UserWarning, match="could not be verified"):
        assert pay(tagged(ADD), answer=[gold]) == [None]
    with pytest.raises(UserError):
        is_correct(tagged(ADD), "code", gold)


def test_a_sandbox_that_does_not_come_up_gives_no_reward_and_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    reward = CodeReward()
    monkeypatch.setattr(process, "isolated", lambda *_: ["/bin/false"])
    with pytest.warns(UserWarning, match="the sandbox failed to start"):
        assert reward(completions=[tagged(ADD)], task=["code"], answer=[GOLD]) == [None]


def test_a_missing_sandbox_is_refused_up_front_and_never_called_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    process._require_policy.cache_clear()
    with pytest.raises(SandboxUnavailable, match=r"(?s)apt install bubblewrap.*sandbox=none"):
        build_rewards({"code_reward": 1.0}, OPTIONS, 20)
    candidate = Candidate({"task": "code", "answer": GOLD}, Completion(tagged(ADD), 5, False), "zero")
    for verify in (lambda: is_correct(tagged(ADD), "code", GOLD), lambda: drop_reasons([candidate], 40)):
        with pytest.raises(SandboxUnavailable, match="apt install bubblewrap"):
            verify()


def test_rejection_sampling_keeps_right_code() -> None:
    problem = {"task": "code", "answer": GOLD}
    right, wrong = (Candidate(problem, Completion(tagged(code), 5, False), "zero") for code in (ADD, SUBTRACT))
    assert drop_reasons([right, wrong], 40) == ["kept", "wrong"]
