"""Two readings of a completion: the strict one that RL rewards, the lenient one of the field's evaluators.

A gain under both is one in skill; a gain under the strict one alone is one in format.
"""

from collections.abc import Callable

from r1.rewards.lenient import lenient_answer
from r1.rewards.response import parse_response

Reading = Callable[[str, str], str | None]
"""(completion, task) to its final answer, None if it has none or cannot be decided; never raises."""


def read_strictly(completion: str, task: str) -> str | None:
    """The answer in the form that rewards ask for, whatever the task: see `parse_response`."""
    return parse_response(completion).answer


def read_leniently(completion: str, task: str) -> str | None:
    """The answer that evaluators of the field read: see `lenient_answer`."""
    return lenient_answer(completion, task)
