"""A plug-in task: problems get its import path, and verdicts become True or False."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from r1.plugins import PluginError, check_takes, guarded, make
from r1.tasks.problem import Problem


class PluggedTask:
    """A task by import path: an object, module or class with `generate` and `verify`, see Task."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.task = make(name)
        check_takes(name, "generate(options, seed)", getattr(self.task, "generate", None), {}, 0)
        check_takes(name, "verify(predicted, gold)", getattr(self.task, "verify", None), "", "")

    def generate(self, options: dict[str, Any], seed: int) -> Iterator[Problem]:
        """See Task.

        Raises:
            ValueError: if the task raises it, for its options; also if it stops yielding.
            PluginError: if it raises anything else, or yields anything but a Problem.
        """
        yielded = 0
        for problem in guarded(f"{self.name}.generate", self._problems(options, seed)):
            if isinstance(problem, ValueError):
                raise problem
            if not isinstance(problem, Problem):
                raise PluginError(f"{self.name}.generate yields {type(problem).__name__}, not Problem")
            yield replace(problem, task=self.name)
            yielded += 1
        raise ValueError(f"{self.name}.generate came to an end after {yielded} problems, and must yield without end")

    def _problems(self, options: dict[str, Any], seed: int) -> Iterator[Any]:
        """Yield a ValueError, which concerns the options: naming their key helps more than the place in the code."""
        try:
            yield from self.task.generate(options, seed)
        except ValueError as error:
            yield error

    def verify(self, predicted: str, gold: str) -> bool:
        """See Task; partial credit counts as wrong."""
        return bool(self.task.verify(predicted, gold) == 1)

    def work_out(self, expression: str, record: Callable[[str, Any], Any]) -> Any:
        """See Worked."""
        return self._worked("work_out")(expression, record)

    def conclude(self, values: list[Any]) -> str:
        """See Worked."""
        answer: str = self._worked("conclude")(values)
        return answer

    def _worked(self, function: str) -> Callable[..., Any]:
        """Needed only for corpus documents about problems without a solution."""
        if not hasattr(self.task, function):
            raise PluginError(
                f"{self.name}: documents are requested, but its problems have no solution and the task no {function}"
            )
        found: Callable[..., Any] = getattr(self.task, function)
        return found
