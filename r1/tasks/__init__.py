"""What is asked, and how an answer is verified: one small file per family."""

from collections.abc import Callable

from r1.tasks import basic_arithmetic, chain_sum, code, complex_arithmetic, gsm_symbolic, mathematics
from r1.tasks.problem import Problem, Task, Worked, bucket, normalise

WORKED: dict[str, Worked] = {module.NAME: module for module in (chain_sum, basic_arithmetic, complex_arithmetic, code)}
"""Families of expressions, by name."""

TASKS: dict[str, Task] = {**WORKED, gsm_symbolic.NAME: gsm_symbolic}
"""Families that generate problems, by name."""

VERIFIERS: dict[str, Callable[[str, str], bool]] = {
    **{name: task.verify for name, task in TASKS.items()},
    mathematics.NAME: mathematics.verify,
}
"""Verifiers by task: predicted and gold answer to right or wrong."""

__all__ = ["TASKS", "VERIFIERS", "WORKED", "Problem", "bucket", "normalise"]
