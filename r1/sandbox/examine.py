"""Does code pass its tests? A candidate that answers calls, an examiner that asks, and this process between them."""

import json
import time
import warnings
from dataclasses import dataclass

from r1.sandbox.inside import BROKEN, CALL, PASSED
from r1.sandbox.isolation import Limits
from r1.sandbox.process import Broke, Sandboxed, SandboxFailed, TooLong
from r1.support.errors import UserError

_PAUSES = (0.1, 1.0)
"""Seconds before another try where a sandbox did not come up: the host may be short of something for a moment."""


class BrokenTests(UserError):
    """The problem's own tests cannot be run, so that nothing can be said of any code."""


@dataclass(frozen=True)
class CodeProblem:
    """What code is to do.

    Attributes:
        prompt: code that both sides get first, such as HumanEval's prompt with its helpers; may be empty.
        entry_point: name of the function that is called.
        tests: code that defines `check(candidate)`, which raises if the candidate is wrong. Arguments and
            results cross as copies of plain data: a test cannot see an argument changed in place.
    """

    prompt: str
    entry_point: str
    tests: str


def passes(code: str, problem: CodeProblem, limits: Limits | None = None) -> bool:
    """True if the code passes the problem's tests; what it does instead, or to stop us, makes it False.

    Args:
        code: what the model wrote.
        problem: what it is held to.
        limits: of each of the two processes.

    Raises:
        SandboxFailed: if a sandbox did not come up, try after try.
        SandboxUnavailable: if there can be none.
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
            candidate.receive()  # it has loaded, or is gone
            loaded = time.monotonic()
            with Sandboxed("examiner", limits) as examiner:
                candidate.deadline += time.monotonic() - loaded  # it does not pay for a slow start of the examiner
                examiner.send(_line({**shared, "tests": problem.tests}))
                said = _asked(examiner, problem, first=True)
                while said.startswith(CALL):
                    candidate.send(said.removeprefix(CALL))
                    examiner.send(candidate.receive())
                    said = _asked(examiner, problem, first=False)
    except Broke:
        return False
    _refuse_broken(said, problem)
    return said.startswith(PASSED)


def _start(candidate: Sandboxed, problem: CodeProblem, message: dict[str, str]) -> None:
    """Have it execute the prompt; what it says of that was written before the model's code could write anything."""
    try:
        candidate.send(_line(message))
        said = candidate.receive()
    except Broke:
        raise BrokenTests(f"{problem.entry_point}: the prompt ends the process, or does not end") from None
    _refuse_broken(said, problem)


def _asked(examiner: Sandboxed, problem: CodeProblem, first: bool) -> bytes:
    """What the examiner says. A first call that is too long is the tests' fault; a later one may follow from results.

    So the later one is wrong, with a warning: no model may end a run by what it returns.
    """
    try:
        return examiner.receive()
    except TooLong:
        reason = f"{problem.entry_point}: the tests call with more than {examiner.limits.message_bytes} bytes"
        if first:
            raise BrokenTests(reason) from None
        warnings.warn(f"{reason}; the code counts as wrong", stacklevel=2)
        raise


def _refuse_broken(said: bytes, problem: CodeProblem) -> None:
    if said.startswith(BROKEN):
        raise BrokenTests(f"{problem.entry_point}: {json.loads(said.removeprefix(BROKEN))}")


def _line(message: dict[str, str]) -> bytes:
    return json.dumps(message).encode() + b"\n"
