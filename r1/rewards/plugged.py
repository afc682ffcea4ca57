"""A plug-in reward: an error in it ends the run with one line, since training would silently continue on None."""

import inspect
import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from r1.plugins import PluginError, check_takes, make, naming
from r1.rewards.common import Completions, RewardFunction

COLUMNS = ("prompts", "completion_ids", "task", "answer", "kind", "trainer_state", "log_extra", "log_metric")
"""What a reward receives besides completions: the prompts' columns, [batch] each, and TRL's own arguments."""


def plugged_reward(name: str) -> RewardFunction:
    """Load a reward by import path: a function, or a class with callable instances.

    Raises:
        PluginError: if there is none, or it does not accept a reward's arguments. The returned reward raises it if the
            function fails to return a number or None for each completion.
    """
    function = make(name)
    columns = dict.fromkeys((*COLUMNS, "another_column"))
    check_takes(name, "reward(completions, **columns)", function, completions=[], **columns)
    if inspect.iscoroutinefunction(function):
        raise PluginError(f"{name}: is asynchronous, and a reward is not")

    def reward(*, completions: Completions, **columns: Any) -> list[float | None]:
        with naming(f"reward {name}"):
            values = function(completions=completions, **columns)
        return _checked(name, values, len(completions))

    return reward


def _checked(name: str, values: Any, count: int) -> list[float | None]:
    if not isinstance(values, Sequence) or len(values) != count:
        said = f"{len(values)} values" if isinstance(values, Sequence) else type(values).__name__
        raise PluginError(f"reward {name} returned {said}, not a list with a value for each of {count} completions")
    for value in values:
        if value is not None and (not isinstance(value, Real) or not math.isfinite(value)):
            raise PluginError(f"reward {name} returned {value!r}, which is neither a finite number nor None")
    return [None if value is None else float(value) for value in values]
