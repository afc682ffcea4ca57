"""What is asked, and how an answer is verified: one small file per family."""

from r1.tasks import basic_arithmetic, chain_sum, complex_arithmetic
from r1.tasks.problem import Problem, Task, bucket, normalise

TASKS: dict[str, Task] = {module.NAME: module for module in (chain_sum, basic_arithmetic, complex_arithmetic)}

__all__ = ["TASKS", "Problem", "Task", "bucket", "normalise"]
