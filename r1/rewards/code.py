"""Reward for code that passes its tests in a sandbox, see r1/sandbox."""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from r1.rewards.accuracy import is_correct
from r1.rewards.common import Completions, texts
from r1.sandbox.process import require_sandbox
from r1.support.errors import UserError
from r1.tasks import code


def get_code_reward(workers: int | None = None) -> Any:
    """The accuracy reward for code: feedback from test cases (paper section 2.2.2).

    Args:
        workers: concurrent verifications; None for one per core of this process.

    Raises:
        SandboxUnavailable: if there is no sandbox to run code in.
    """
    require_sandbox()
    workers = workers or len(os.sched_getaffinity(0))

    def code_reward(
        *, completions: Completions, task: Sequence[str], answer: Sequence[str], **_: Any
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
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(_pay, texts(completions), task, answer))

    return code_reward


def _pay(text: str, task: str, gold: str) -> float | None:
    if task != code.NAME:
        return None
    try:
        return float(is_correct(text, task, gold))
    except UserError as error:
        warnings.warn(f"code_reward: a completion could not be verified, which TRL counts as 0: {error}", stacklevel=2)
        return None
