"""Problems and verifiers: one file per task family."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import cast

from r1.config.data import REASONING_GYM
from r1.config.plugins import is_plugin
from r1.support.errors import UserError
from r1.tasks import basic_arithmetic, chain_sum, code, complex_arithmetic, gsm_symbolic, mathematics, search
from r1.tasks.plugged import PluggedTask
from r1.tasks.problem import Problem, Task, Worked, bucket, normalise
from r1.tasks.reasoning_gym_family import ReasoningGymFamily

WORKED: dict[str, Worked] = {module.NAME: module for module in (chain_sum, basic_arithmetic, complex_arithmetic, code)}
"""Families whose problems are expressions to work out, by name."""

TASKS: dict[str, Task] = {**WORKED, gsm_symbolic.NAME: gsm_symbolic, search.NAME: search}
"""Families that generate problems, by name."""

VERIFIERS: dict[str, Callable[[str, str], bool]] = {
    **{name: task.verify for name, task in TASKS.items()},
    mathematics.NAME: mathematics.verify,
}
"""Verifiers by task: (predicted, gold) to True if right."""


@cache
def task_of(name: str) -> Task:
    """The task of a name: built in, `reasoning_gym/<family>`, or an import path.

    Raises:
        PluginError: if it is an import path without a task.
        ValueError: if reasoning-gym has no such family, or none that can be verified.
    """
    if is_plugin(name):
        return PluggedTask(name)
    if name.startswith(REASONING_GYM):
        return ReasoningGymFamily(name)
    return TASKS[name]


def worked_of(name: str) -> Worked:
    """The task of a name, for working out documents.

    Raises:
        PluginError: if a plug-in cannot work them out; raised only on use, since problems may bring a solution.
    """
    return cast(Worked, task_of(name)) if is_plugin(name) else WORKED[name]


def verifier_of(name: str) -> Callable[[str, str], bool]:
    """The verifier of a task by name, see VERIFIERS and `task_of`."""
    return VERIFIERS[name] if name in VERIFIERS else task_of(name).verify


def verify_all(task: str, predicted: Sequence[str], gold: Sequence[str], math_digits: int | None = None) -> list[bool]:
    """Verify each answer [batch] against its gold answer [batch]; expensive verifiers run in parallel.

    An answer on which a verifier raises is wrong. `math_digits` matters to `math` alone: see mathematics.verify_all.

    Raises:
        UserError: if nothing can be verified: no sandbox, no tests, no worker. Otherwise all would silently be wrong.
    """
    if task == mathematics.NAME:
        return mathematics.verify_all(predicted, gold, math_digits)

    def verify(answer: str, right: str) -> bool:
        try:
            return verifier_of(task)(answer, right)
        except UserError:
            raise
        except Exception:
            return False

    if task == code.NAME:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            return list(pool.map(verify, predicted, gold))
    return list(map(verify, predicted, gold))


def votes(task: str, answers: Sequence[str]) -> list[str]:
    """For each answer [samples of one problem] the first one of its value: what maj@k counts.

    Answers have one value if the task's verifier takes either for the other's gold; programs, if they are the same
    text.

    >>> votes("math", ["1/2", "0.5", "2", "\\frac12"])
    ['1/2', '1/2', '2', '1/2']
    """
    spelled = ["".join(answer.split()).removeprefix("+") for answer in answers]
    distinct = dict(zip(reversed(spelled), reversed(answers), strict=True))
    names = list(dict.fromkeys(spelled))
    first = {name: name for name in names}
    if task != code.NAME:
        pairs = [(one, other) for at, one in enumerate(names) for other in names[at + 1 :]]
        ours, theirs = [distinct[one] for one, _ in pairs], [distinct[other] for _, other in pairs]
        both = zip(pairs, verify_all(task, theirs, ours), verify_all(task, ours, theirs), strict=True)
        for (one, other), taken, given in both:
            if (taken or given) and first[other] == other:
                first[other] = first[one]
    return [distinct[first[name]] for name in spelled]


__all__ = [
    "TASKS",
    "VERIFIERS",
    "WORKED",
    "Problem",
    "bucket",
    "normalise",
    "search",
    "task_of",
    "verifier_of",
    "verify_all",
    "votes",
    "worked_of",
]
