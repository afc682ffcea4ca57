"""Does code pass its tests? A candidate that answers calls, an examiner that asks, and this process between them."""

import json
from dataclasses import dataclass

from r1.errors import UserError
from r1.sandbox.inside import BROKEN, CALL, PASSED
from r1.sandbox.isolation import Limits
from r1.sandbox.process import Broke, Sandboxed, SandboxFailed


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
        SandboxFailed: if a sandbox twice did not come up.
        SandboxUnavailable: if there can be none.
        BrokenTests: if the tests themselves cannot be run.
    """
    try:
        return _passes(code, problem, limits or Limits())
    except SandboxFailed:
        return _passes(code, problem, limits or Limits())


def _passes(code: str, problem: CodeProblem, limits: Limits) -> bool:
    shared = {"prompt": problem.prompt, "entry_point": problem.entry_point}
    try:
        with Sandboxed("candidate", limits) as candidate:
            candidate.send(_line({**shared, "code": code}))
            candidate.receive()  # it has loaded, or is gone
            with Sandboxed("examiner", limits) as examiner:
                examiner.send(_line({**shared, "tests": problem.tests}))
                while (said := examiner.receive()).startswith(CALL):
                    candidate.send(said.removeprefix(CALL))
                    examiner.send(candidate.receive())
    except Broke:
        return False
    if said.startswith(BROKEN):
        raise BrokenTests(f"{problem.entry_point}: {json.loads(said.removeprefix(BROKEN))}")
    return said.startswith(PASSED)


def _line(message: dict[str, str]) -> bytes:
    return json.dumps(message).encode() + b"\n"
