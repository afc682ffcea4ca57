"""A plug-in reward: an error in it ends the run with one line, since training would silently continue on None."""

import inspect
import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

from r1.plugins import PluginError, check_takes, make, naming
from r1.rewards.common import Completions

COLUMNS = ("prompts", "completion_ids", "task", "answer", "kind", "trainer_state", "log_extra", "log_metric")
"""What a reward receives besides completions: the prompts' columns, [batch] each, and TRL's own arguments."""


class PluggedReward:
    """A reward by import path: a function, or a class with callable instances; unpickling imports it again.

    Raises:
        PluginError: if there is none, or it does not accept a reward's arguments; when called, if it fails to return a
            number or None for each completion.
    """

    def __init__(self, name: str) -> None:
        self.__name__, self.function = name, _loaded(name)

    def __call__(self, *, completions: Completions, **columns: Any) -> list[float | None]:
        """Score each completion [batch]."""
        with naming(f"reward {self.__name__}"):
            values = self.function(completions=completions, **columns)
        return _checked(self.__name__, values, len(completions))

    def __reduce__(self) -> tuple[Any, ...]:
        """Only the import path: an instance of a class of others need not be picklable."""
        return PluggedReward, (self.__name__,)


def _loaded(name: str) -> Any:
    function = make(name)
    columns = dict.fromkeys((*COLUMNS, "another_column"))
    check_takes(name, "reward(completions, **columns)", function, completions=[], **columns)
    if inspect.iscoroutinefunction(function):
        raise PluginError(f"{name}: is asynchronous, and a reward is not")
    return function


def _checked(name: str, values: Any, count: int) -> list[float | None]:
    if not isinstance(values, Sequence) or len(values) != count:
        said = f"{len(values)} values" if isinstance(values, Sequence) else type(values).__name__
        raise PluginError(f"reward {name} returned {said}, not a list with a value for each of {count} completions")
    for value in values:
        if value is not None and (not isinstance(value, Real) or not math.isfinite(value)):
            raise PluginError(f"reward {name} returned {value!r}, which is neither a finite number nor None")
    return [None if value is None else float(value) for value in values]
