"""Rewards for code that passes its tests in a sandbox, see r1/sandbox, and for code in a fence."""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from r1.rewards.accuracy import is_correct
from r1.rewards.common import Completions, texts
from r1.rewards.response import parse_response
from r1.sandbox.process import require_sandbox
from r1.support.errors import UserError
from r1.tasks import code


@dataclass(frozen=True)
class CodeReward:
    """The accuracy reward for code: feedback from test cases (paper section 2.2.2).

    Attributes:
        workers: concurrent verifications; None for one per core of this process.

    Raises:
        SandboxUnavailable: if there is no sandbox to run code in.
    """

    __name__ = "code_reward"
    workers: int | None = None

    def __post_init__(self) -> None:
        require_sandbox()

    def __call__(
        self, *, completions: Completions, task: Sequence[str], answer: Sequence[str], **_: Any
    ) -> list[float | None]:
        """1 for code that passes its tests, 0 for any other, None for all tasks but `code`.

        Also None, with a warning, where the outcome is unknown: no sandbox starts after repeated attempts, or the tests
        cannot run. TRL then counts it as 0 (`nansum`) among the completion's other rewards, unless it has none.

        Rewarded: `<think>Add.</think><answer>def f(a, b): return a + b</answer>` (tests: f(1, 2) == 3).
        Not: `<answer>import sys; sys.exit(0)</answer>`.

        Args:
            completions: [batch].
            task: [batch].
            answer: [batch]; for code, a `CodeProblem` as JSON.
        """
        with ThreadPoolExecutor(self.workers or len(os.sched_getaffinity(0))) as pool:
            return list(pool.map(_pay, texts(completions), task, answer))


@dataclass(frozen=True)
class BinaryCodeReward(CodeReward):
    """`code_reward` under the name that open-r1 gives to all or nothing.

    There `code_reward` is the share of tests passed, and `binary_code_reward` asks for more than 0.99 of them. Here a
    problem's tests are one function, which passes or fails, so the two are the same.
    """

    __name__ = "binary_code_reward"


def _pay(text: str, task: str, gold: str) -> float | None:
    if task != code.NAME:
        return None
    try:
        return float(is_correct(text, task, gold))
    except UserError as error:
        warnings.warn(f"code_reward: a completion could not be verified, which TRL counts as 0: {error}", stacklevel=2)
        return None


def code_format_reward(*, completions: Completions, task: Sequence[str], **_: Any) -> list[float | None]:
    """1 for R1-Zero's form with Python in a fence as the answer (open-r1), else 0; None for all tasks but `code`.

    Stricter than open-r1, which also pays for prose or further fences beside it: the fence has to be the whole answer,
    as `code_reward` reads it, to say `python`, and to hold more than white space. Nothing is run.

    Rewarded: `<think>Add.</think><answer>```python\\ndef f(a, b): return a + b\\n```</answer>`.
    Not: the same without its fence.

    Args:
        completions: [batch].
        task: [batch].
    """
    return [
        float(_is_fenced(text)) if name == code.NAME else None
        for text, name in zip(texts(completions), task, strict=True)
    ]


def _is_fenced(text: str) -> bool:
    response = parse_response(text)
    return response.well_formed and code.is_fenced_python(response.answer or "")
