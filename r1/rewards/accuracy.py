"""Accuracy of the final answer, decided by the task's verifier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from r1.rewards.common import Completions, texts
from r1.rewards.reading import Reading, read_strictly
from r1.tasks import VERIFIERS, code, verify_all

MAX_ANSWER_CHARACTERS = 256
"""Limit of an answer to a built-in task except code, which has its own; see `_longest`."""


def is_correct(completion: str, task: str, answer: str) -> bool:
    """Check one completion; see `are_correct`."""
    return are_correct([completion], [task], [answer])[0]


def are_correct(
    completions: Sequence[str],
    tasks: Sequence[str],
    answers: Sequence[str],
    read: Reading = read_strictly,
    math_digits: int | None = None,
) -> list[bool]:
    """Whether each completion's final answer passes its task's verifier; no model output raises.

    A completion is wrong if `read` finds no final answer in it, or one that is too long.

    Args:
        completions: [batch].
        tasks: [batch], task names.
        answers: [batch], gold answers.
        read: finds the final answer; rewards read strictly.
        math_digits: see `r1.tasks.mathematics.verify_all`.

    Raises:
        UserError: if nothing can be verified, see `verify_all`.
    """
    by_task: dict[str, list[tuple[int, str]]] = {}
    for index, (completion, task) in enumerate(zip(completions, tasks, strict=True)):
        predicted = read(completion, task)
        if predicted is not None and len(predicted) <= _longest(task, answers[index]):
            by_task.setdefault(task, []).append((index, predicted))
    correct = [False] * len(completions)
    for task, given in by_task.items():
        golds = [answers[index] for index, _ in given]
        verdicts = verify_all(task, [predicted for _, predicted in given], golds, math_digits)
        for (index, _), verdict in zip(given, verdicts, strict=True):
            correct[index] = verdict
    return correct


def _longest(task: str, gold: str) -> int:
    """Maximum characters of an answer; answers to other tasks may be full game boards."""
    if task == code.NAME:
        return code.MAX_ANSWER_CHARACTERS
    return MAX_ANSWER_CHARACTERS if task in VERIFIERS else max(MAX_ANSWER_CHARACTERS, 2 * len(gold))


@dataclass(frozen=True)
class AccuracyReward:
    """1 for a right final answer, 0 for a wrong one, None for prompts without one (paper section 2.2.2).

    None also for code, which `code_reward` scores.

    Rewarded: `<think>2 + 2 = 4.</think><answer>4</answer>` (gold 4).
    Not: `<answer>4</answer><answer>5</answer>`.

    Attributes:
        math_digits: see `r1.tasks.mathematics.verify_all`.
    """

    __name__ = "accuracy_reward"
    math_digits: int | None = None

    def __call__(
        self, *, completions: Completions, task: Sequence[str], answer: Sequence[str], **_: Any
    ) -> list[float | None]:
        """Score each completion.

        Args:
            completions: [batch].
            task: [batch], name of the task whose verifier decides; "" for general prompts.
            answer: [batch], gold answers.
        """
        ours = [index for index, name in enumerate(task) if name and name != code.NAME]
        said = texts(completions)
        correct = are_correct(
            [said[i] for i in ours],
            [task[i] for i in ours],
            [answer[i] for i in ours],
            math_digits=self.math_digits,
        )
        values: list[float | None] = [None] * len(said)
        for index, verdict in zip(ours, correct, strict=True):
            values[index] = float(verdict)
        return values
