"""Short functions from formulas: the miniature's code problems, and the verifier of any code with tests.

Instance: "Write f(a, b) that returns a + 2 - b." -> "def f(a, b): return a + 2 - b", or anything else that
passes the tests. The gold answer is a problem of r1/sandbox/examine.py as JSON: {"prompt": …, "entry_point": …,
"tests": …}; HumanEval's problems have this form too.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from r1.sandbox.examine import BrokenTests, CodeProblem, passes
from r1.tasks import arithmetic
from r1.tasks.problem import Problem

NAME = "code"
MAX_ANSWER_CHARACTERS = 20_000
_OPERATORS = "+-*"
_CASES = 4
_FENCE = re.compile(
    r"(`{3,}|~{3,})[ \t]*(?P<python>py(?:thon)?3?)?[ \t]*\r?\n(?P<code>.*?)\r?\n?\1", re.DOTALL | re.IGNORECASE
)


def generate(options: dict[str, Any], seed: int) -> Iterator[Problem]:
    """Yield problems without end.

    Args:
        options: min_terms and max_terms, the number of terms in a formula, at least 2.
        seed: for the formulas; the tests depend only on the formula.

    Raises:
        ValueError: if an option is unknown, missing or invalid.
    """
    if set(options) != {"min_terms", "max_terms"} or not 2 <= options["min_terms"] <= options["max_terms"]:
        raise ValueError(f"options {options} of code: needs 2 <= min_terms <= max_terms, and nothing else")
    rng = random.Random(seed)
    while True:
        terms = [rng.choice("ab123456789") for _ in range(rng.randint(options["min_terms"], options["max_terms"]))]
        formula = terms[0] + "".join(f" {rng.choice(_OPERATORS)} {term}" for term in terms[1:])
        if "a" in terms or "b" in terms:
            yield Problem(NAME, f"Write f(a, b) that returns {formula}.", _gold(formula), (formula,))


def _gold(formula: str) -> str:
    rng = random.Random(formula)
    inputs = [(rng.randint(-20, 20), rng.randint(-20, 20)) for _ in range(_CASES)]
    asserts = "".join(f"    assert candidate({a}, {b}) == {_value(formula, a, b)}\n" for a, b in inputs)
    return json.dumps(asdict(CodeProblem("", "f", f"def check(candidate):\n{asserts}")))


def _value(formula: str, a: int, b: int) -> int:
    return arithmetic.work_out(formula.replace("a", f"({a})").replace("b", f"({b})"), lambda _, result: result)


def work_out(expression: str, record: Callable[[str, str], str]) -> str:
    """Write out a formula, adding one operation at a time.

    >>> work_out("a + 2 - b", lambda operation, result: print(operation, "=", result) or result)
    f = a + 2
    f = a + 2 - b
    'a + 2 - b'
    """
    first, *rest = re.split(r" (?=[-+*])", expression)
    written = first
    for operation in rest:
        written = record("f", f"{written} {operation}")
    return written


def conclude(values: list[str]) -> str:
    """The function that returns the formula."""
    return f"def f(a, b): return {values[0]}"


def is_fenced_python(answer: str) -> bool:
    """True if an answer is one fence marked as Python, and not empty."""
    fenced = _FENCE.fullmatch(answer.strip())
    return fenced is not None and fenced["python"] is not None and bool(fenced["code"].strip())


def verify(predicted: str, gold: str) -> bool:
    """True if the code passes the tests in a sandbox; a Python fence around it is removed.

    Raises:
        BrokenTests: if the gold answer has no runnable tests.
        SandboxFailed, SandboxUnavailable: if there is no sandbox to run the code in.
    """
    try:
        problem = CodeProblem(**json.loads(gold))
    except (TypeError, ValueError) as error:
        raise BrokenTests(f"the gold answer of a code problem is not JSON of its tests: {error}") from error
    if odd := [name for name, value in asdict(problem).items() if not isinstance(value, str)]:
        raise BrokenTests(f"the gold answer of a code problem has fields that are not text: {', '.join(odd)}")
    fenced = _FENCE.fullmatch(predicted.strip())
    return passes(fenced["code"] if fenced else predicted, problem)
