"""Check whether code passes its tests: relay calls and results between a candidate and an examiner."""

import json
import time
import warnings
from dataclasses import dataclass

from r1.sandbox.inside import BROKEN, CALL, PASSED
from r1.sandbox.isolation import Limits
from r1.sandbox.process import MessageTooLong, ProcessFailed, Sandboxed, SandboxFailed
from r1.support.errors import UserError

_PAUSES = (0.1, 1.0)
"""Seconds to wait before retrying a sandbox that failed to start: the host may be short of resources for a moment."""


class BrokenTests(UserError):
    """The problem's own tests cannot be run, so no code can be judged by them."""


@dataclass(frozen=True)
class CodeProblem:
    """A coding problem and its tests.

    Attributes:
        prompt: code that both processes execute first, such as HumanEval's prompt with its helpers; may be empty.
        entry_point: name of the function under test.
        tests: code that defines `check(candidate)`, which raises if the candidate is wrong. Arguments and results
            are passed as copies of plain data, so a test cannot see an argument changed in place.
    """

    prompt: str
    entry_point: str
    tests: str


def passes(code: str, problem: CodeProblem, limits: Limits | None = None) -> bool:
    """True if the code passes the problem's tests; anything else it does, crashes and hangs included, is False.

    Args:
        code: the model's code.
        problem: the problem it should solve.
        limits: limits of each of the two processes.

    Raises:
        SandboxFailed: if a sandbox failed to start on every try.
        SandboxUnavailable: if this machine cannot sandbox code.
        BrokenTests: if the tests themselves cannot be run.
    """
    for pause in _PAUSES:
        try:
            return _passes(code, problem, limits or Limits())
        except SandboxFailed:
            time.sleep(pause)
    return _passes(code, problem, limits or Limits())


def _passes(code: str, problem: CodeProblem, limits: Limits) -> bool:
    shared = {"prompt": problem.prompt, "entry_point": problem.entry_point}
    try:
        with Sandboxed("candidate", limits) as candidate:
            _start(candidate, problem, {**shared, "code": code})
            candidate.receive()  # the code has loaded, or the process has ended
            loaded = time.monotonic()
            with Sandboxed("examiner", limits) as examiner:
                candidate.deadline += time.monotonic() - loaded  # the examiner's startup does not count against it
                examiner.send(_line({**shared, "tests": problem.tests}))
                said = _next_message(examiner, problem, first=True)
                while said.startswith(CALL):
                    candidate.send(said.removeprefix(CALL))
                    examiner.send(candidate.receive())
                    said = _next_message(examiner, problem, first=False)
    except ProcessFailed:
        return False
    _raise_if_broken(said, problem)
    return said.startswith(PASSED)


def _start(candidate: Sandboxed, problem: CodeProblem, message: dict[str, str]) -> None:
    """Have the candidate execute the prompt; it reports on that before the model's code can write anything."""
    try:
        candidate.send(_line(message))
        said = candidate.receive()
    except ProcessFailed:
        raise BrokenTests(f"{problem.entry_point}: the prompt ends the process or does not terminate") from None
    _raise_if_broken(said, problem)


def _next_message(examiner: Sandboxed, problem: CodeProblem, first: bool) -> bytes:
    """The examiner's next message. A first call that is too long is the tests' fault.

    A later one may contain the candidate's results, so it counts as a failure of the code, with a warning: no model
    may end a run by what it returns.
    """
    try:
        return examiner.receive()
    except MessageTooLong:
        reason = f"{problem.entry_point}: the tests pass arguments of more than {examiner.limits.message_bytes} bytes"
        if first:
            raise BrokenTests(reason) from None
        warnings.warn(f"{reason}; the code counts as wrong", stacklevel=2)
        raise


def _raise_if_broken(said: bytes, problem: CodeProblem) -> None:
    if said.startswith(BROKEN):
        raise BrokenTests(f"{problem.entry_point}: {json.loads(said.removeprefix(BROKEN))}")


def _line(message: dict[str, str]) -> bytes:
    return json.dumps(message).encode() + b"\n"
