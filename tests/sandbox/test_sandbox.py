"""Honest code is right, whatever it uses; what fails through no fault of the code's is said, not scored."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from r1.pipeline.compose import compose as compose_values
from r1.pipeline.compose import write_params
from r1.sandbox import process, seccomp
from r1.sandbox.examine import BrokenTests, CodeProblem, passes
from r1.sandbox.inside import decode, encode
from r1.sandbox.isolation import Limits, SandboxUnavailable
from r1.sandbox.process import SandboxFailed
from r1.support.errors import UserError
from tests.conftest import ROOT, copy_project


def problem(*asserts: str, prompt: str = "") -> CodeProblem:
    body = "".join(f"    {line}\n" for line in asserts)
    return CodeProblem(prompt, "f", f"def check(candidate):\n{body}")


PLAIN = [
    None, True, False, 0, 1, -1, 2**53 - 1, 2**53, -(2**53), 2**70,
    0.0, -0.0, 1.5, float("inf"), float("-inf"), 1 + 2j, "", "ä\ud800\n\0",
    b"", b"\xff", [], [[1], (2, "x")], (), (1,), set(), {1, "a"}, frozenset({1}), {frozenset({1})}, {},
    {1: {"a": [None]}, "1": 2, (1, 2): 3, None: 4},
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN)
def test_plain_data_cross_unchanged(value: Any) -> None:
    crossed = decode(encode(value))
    assert crossed == value and type(crossed) is type(value) and repr(crossed) == repr(value)


def test_what_cannot_be_written_in_decimals_crosses() -> None:
    assert decode(encode(10**5000)) == 10**5000
    assert str(decode(encode(float("nan")))) == "nan"


class Odd(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


def test_subclasses_become_plain() -> None:
    crossed = decode(encode([Odd(3)]))
    assert type(crossed[0]) is int and crossed != [4]


@pytest.mark.parametrize("value", [object(), len, int, range(3), iter([]), (_ for _ in ()), bytearray(1), [object()]])
def test_nothing_else_crosses(value: Any) -> None:
    with pytest.raises(TypeError, match="not plain data"):
        encode(value)


HONEST = {
    "one-line": ("def f(a, b): return a + b", problem("assert candidate(1, 2) == 3")),
    "lambda": ("f = lambda a, b: a + b", problem("assert candidate(1, 2) == 3")),
    "prints": (
        "print('start')\nimport sys\ndef f(a, b):\n    print(a, file=sys.stderr)\n    print(b)\n    return a + b",
        problem("assert candidate(1, 2) == 3"),
    ),
    "helpers": ("def g(a): return a + 1\ndef f(a):\n    return g(g(a))", problem("assert candidate(1) == 3")),
    "recursive": ("def f(n): return 1 if n < 2 else n * f(n - 1)", problem("assert candidate(500) % 501 == 0")),
    "memoised": (
        "from functools import cache\n@cache\ndef f(n): return n if n < 2 else f(n - 1) + f(n - 2)",
        problem("assert candidate(90) == 2880067194370816120"),
    ),
    "standard-library": (
        "import collections, heapq, itertools, math, re, string, typing\n"
        "import bisect, copy, datetime, decimal, fractions, hashlib, random, statistics, operator\n"
        "def f(x: typing.List[str]) -> int: return max(collections.Counter(re.findall('a+', ''.join(x))).values())",
        problem("assert candidate(['aba', 'b']) == 2"),
    ),
    "counter-for-a-dict": (
        "from collections import Counter\ndef f(s): return Counter(s)",
        problem("assert candidate('aab') == {'a': 2, 'b': 1}"),
    ),
    "named-tuple-for-a-tuple": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
        problem("assert candidate() == (1, 2)"),
    ),
    "mutates-its-argument": (
        "def f(x):\n    x.sort()\n    return x.pop()",
        problem("given = [3, 1]", "assert candidate(given) == 3", "assert candidate(given) == 3"),
    ),
    "keywords": ("def f(*, a, b=2): return a - b", problem("assert candidate(a=1) == -1")),
    "expected-exception": (
        "def f(n):\n    if n < 0: raise ValueError('negative')\n    return n",
        problem(
            "try:", "    candidate(-1)", "except ValueError as error:", "    assert str(error) == 'negative'",
            "else:", "    assert False",
        ),
    ),
    "own-exception-of-an-expected-kind": (
        "class Negative(ValueError): pass\ndef f(n): raise Negative(n)",
        problem("try:", "    candidate(-1)", "except ValueError:", "    return", "assert False"),
    ),
    "exception-with-many-arguments": (
        "def f(): b'\\xff'.decode()",
        problem("try:", "    candidate()", "except Exception:", "    return", "assert False"),
    ),
    "state-between-calls": (
        "n = 0\ndef f():\n    global n\n    n += 1\n    return n",
        problem("assert [candidate(), candidate()] == [1, 2]"),
    ),
    "helper-of-the-prompt": (
        "def f(x): return g(x) + 1",
        problem("assert candidate(1) == g(1) + 1", prompt="def g(x):\n    return 2 * x\n"),
    ),
    "stub-of-the-prompt": (
        "def f(x): return x",
        problem("assert f(1) == candidate(1) == 1", prompt='def f(x):\n    """The same."""\n'),
    ),
    "scratch": (
        "def f(s):\n    with open('x', 'w') as file: file.write(s)\n    return open('x').read()",
        problem("assert candidate('ä') == 'ä'"),
    ),
    "reads-input": ("import sys\ndef f(): return sys.stdin.read()", problem("assert candidate() == ''")),
    "many-calls": ("def f(n): return n", problem("for n in range(2000): assert candidate(n) == n")),
    "large-values": ("def f(x): return x", problem("x = list(range(100000))", "assert candidate(x) == x")),
    "two-threads": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def f(x):\n    with ThreadPoolExecutor(2) as pool: return list(pool.map(abs, x))",
        problem("assert candidate([-1, 2]) == [1, 2]"),
    ),
    "dataclass-inside": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(x): return P(x).x",
        problem("assert candidate(1) == 1"),
    ),
    "dataclass-with-annotations-as-text": (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    x: int\ndef f(x): return P(x).x",
        problem("assert candidate(1) == 1"),
    ),
    "pickles-its-own-class": (
        "import pickle\nclass P:\n    x = 1\ndef f(x): return pickle.loads(pickle.dumps(P())).x",
        problem("assert candidate(1) == 1"),
    ),
    "guarded-main": (
        "def f(x): return x\nif __name__ == '__main__':\n    f(input())",
        problem("assert candidate(1) == 1"),
    ),
    "tests-that-print": ("def f(x): return x", problem("print('P')", "assert candidate(1) == 1")),
}  # fmt: skip


@pytest.mark.parametrize(("code", "asked"), HONEST.values(), ids=HONEST)
def test_honest_code_passes(code: str, asked: CodeProblem) -> None:
    assert passes(code, asked)


# Heads of a function as HumanEval's prompts are, and the body that a completion may be: with a docstring it is Python.
HEADS = {
    "bare": "def f(a):\n",
    "bare-without-newline": "def f(a):",
    "comment": "def f(a):\n    # twice a\n",
    "docstring": 'def f(a):\n    """Twice a."""\n',
    "long-docstring": 'def f(a):\n    """Twice a.\n\n    >>> f(1)\n    2\n    """\n',
    "helper-and-bare": "def g(a):\n    return 2 * a\n\n\ndef f(a):\n",
    "import-and-bare": "from math import prod\n\ndef f(a: int) -> int:\n",
}
COMPLETIONS = {
    "whole": ("def f(a):\n    return 2 * a\n", True),
    "prompt-again": ("from math import prod\ndef f(a):\n    b = prod([2, a])\n    return b", True),
    "body": ("    b = 2 * a\n    return b\n", True),
    "body-of-a-stripped-answer": ("b = 2 * a\n    return b", True),
    "body-without-indentation": ("b = 2 * a\nif b:\n    return b\nreturn 0", True),
    "body-of-one-line": ("return 2 * a", True),
    "recursive-body": ("    return 0 if a == 0 else 2 + f(a - 1)", True),
    "wrong-body": ("    return a", False),
    "wrong-whole": ("def f(a):\n    return a", False),
    "body-that-breaks": ("    return (2 *", False),
    "nothing": ("pass", False),
    "another-function": ("def h(a):\n    return 2 * a", False),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("completion", COMPLETIONS)
def test_a_completion_may_be_the_function_or_its_body(completion: str, head: str) -> None:
    code, right = COMPLETIONS[completion]
    assert passes(code, problem("assert candidate(1) == 2", "assert candidate(3) == 6", prompt=HEADS[head])) == right


def test_the_helpers_of_a_prompt_without_a_body_serve_code_and_tests() -> None:
    asked = problem("assert candidate(1) == g(1)", prompt=HEADS["helper-and-bare"])
    assert passes("    return g(a)", asked) and passes("def f(a): return g(a)", asked)


@pytest.mark.parametrize(
    "tests",
    [
        pytest.param("def check(candidate) pass", id="syntax"),
        pytest.param("def test(candidate): pass", id="no-check"),
        pytest.param("import nothing_there\ndef check(candidate): pass", id="import"),
        pytest.param("def check(candidate): candidate(lambda: 3)", id="argument-that-cannot-cross"),
        pytest.param("raise SystemExit", id="exit"),
        pytest.param("f()", id="calls-and-no-check"),
        pytest.param("def check(candidate): candidate('x' * 2**23)", id="argument-that-is-too-long"),
    ],
)
def test_broken_tests_are_nobodys_failure(tests: str) -> None:
    with pytest.raises(BrokenTests, match="f: the tests"):
        passes("def f(*_): return 3", CodeProblem("", "f", tests))


@pytest.mark.parametrize(
    "prompt", ["def f(", "import nothing_there", "raise SystemExit", "import os\nos._exit(0)", "while True: pass"]
)
def test_a_broken_prompt_is_nobodys_failure(prompt: str) -> None:
    with pytest.raises(BrokenTests, match="f: the prompt"):
        passes("def f(): return 3", problem("assert candidate() == 3", prompt=prompt), Limits(wall_seconds=1))


def test_a_file_of_tests_that_asks_by_itself_fails_wrong_code() -> None:
    asked = CodeProblem("", "f", "assert f() == 3\ndef check(candidate): pass")
    assert passes("def f(): return 3", asked)
    assert not passes("def f(): return 4", asked)


def test_no_result_breaks_the_tests_that_hand_it_on() -> None:
    asked = problem("assert candidate(1)", "assert candidate(candidate(1) * 1000)")
    assert passes("def f(x): return x", asked)
    with pytest.warns(UserWarning, match="f: the tests pass arguments of more than"):
        assert not passes("def f(x): return 'x' * 10000", asked)


def test_the_candidate_does_not_pay_for_a_slow_start_of_the_examiner(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(process.Sandboxed):
        def __init__(self, role: Any, limits: Limits) -> None:
            super().__init__(role, limits)
            if role == "examiner":
                time.sleep(2.5)
                self.deadline += 2.5

    monkeypatch.setattr("r1.sandbox.examine.Sandboxed", Slow)
    assert passes("def f(): return 3", problem("assert candidate() == 3"), Limits(wall_seconds=2))


def test_every_machine_has_a_filter_or_no_sandbox() -> None:
    filters = [seccomp.program(machine) for machine in ("x86_64", "aarch64")]
    assert len(set(filters)) == 2 and all(len(found) % 8 == 0 for found in filters)
    with pytest.raises(SandboxUnavailable, match="there is no system call filter for riscv64"):
        seccomp.program("riscv64")


def test_slow_tests_end() -> None:
    limits = Limits(wall_seconds=1, cpu_seconds=1)
    assert not passes("def f(): return 3", problem("while True: pass"), limits)


def test_a_sandbox_that_fails_twice_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = subprocess.Popen, [OSError("out of processes")] * 2

    def popen(*arguments: Any, **keywords: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*arguments, **keywords)

    monkeypatch.setattr(subprocess, "Popen", popen)
    asked = problem("assert candidate() == 3")
    assert passes("def f(): return 3", asked)
    failures += [OSError("out of processes")] * 3
    with pytest.raises(SandboxFailed, match="out of processes"):
        passes("def f(): return 3", asked)


def test_a_tool_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: no permission' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    tmp_path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(process, "isolated", lambda *_: [str(tmp_path / "bwrap")])
    process._require_policy.cache_clear()
    with pytest.raises(SandboxUnavailable, match=r"no permission\n.*apt install bubblewrap.*sandbox=none"):
        process.require_sandbox()


@pytest.fixture
def no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1.sandbox.isolation.shutil.which", lambda *_, **__: None)
    process._require_policy.cache_clear()


@pytest.mark.usefixtures("no_tool")
def test_without_the_tool_nothing_is_run_and_nothing_is_scored() -> None:
    with pytest.raises(SandboxUnavailable, match="apt install bubblewrap"):
        process.require_sandbox()
    with pytest.raises(UserError, match="apt install bubblewrap"):
        passes("def f(): return 3", problem("assert candidate() == 3"))


@pytest.mark.usefixtures("no_tool")
def test_none_runs_without_the_tool_says_so_and_still_has_limits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process, "_policy", "bubblewrap")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("SECRET", "x")
    with pytest.warns(UserWarning, match="WITHOUT isolation"):
        process.set_policy("none")
    limits = Limits(wall_seconds=2, cpu_seconds=1)
    code = "import os\nopen('x', 'w').write('x')\ndef f(): return [os.environ.get('SECRET'), os.listdir('.')]"
    assert passes(code, problem("assert candidate() == [None, ['x']]"), limits)
    assert not passes("import time\ntime.sleep(99)", problem(), limits)
    assert not passes("x = bytearray(2**31)\ndef f(): pass", problem(), limits)
    assert not list(tmp_path.iterdir())


def test_a_stage_that_may_meet_code_fails_at_its_start(tmp_path: Path) -> None:
    project, empty = tmp_path / "project", tmp_path / "empty"
    copy_project(project)
    empty.mkdir()
    write_params(compose_values(["code=formulas"], ROOT / "conf"), project / "params.yaml")
    result = subprocess.run(
        [sys.executable, "stages/zero.py"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(empty), "PYTHONPATH": str(project)},
    )
    assert result.returncode == 1
    assert "error: model-written code cannot be sandboxed: `" in result.stderr
    assert "apt install bubblewrap" in result.stderr
