"""Which answers of mathematics are misjudged, and how many are verified in a second? Beside math-verify alone.

    python -m bench.math_answers [--answers FILE ...] [--before CHECKOUT]

A file has one JSON object a line: `gold`, `answer`, `right`. The default is the table of tests/tasks. `--before` is a
checkout of an earlier commit, judged in the same run. Every judge runs in a process of its own, its workers started
before the clock. math-verify alone is TRL's accuracy_reward, gold and answer in \\boxed{}. Prints Markdown.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.math_cases import ordinary

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests" / "tasks" / "math_answers.jsonl"
ORDINARY = 2_000
_OURS = """
from r1.tasks.mathematics import verify_all
def judge(rows): return verify_all([row["answer"] for row in rows], [row["gold"] for row in rows])
"""
_ALONE = """
from trl.rewards import accuracy_reward
def judge(rows):
    said = [[{"role": "assistant", "content": "\\\\boxed{" + row["answer"] + "}"}] for row in rows]
    return [value == 1.0 for value in accuracy_reward(said, ["\\\\boxed{" + row["gold"] + "}" for row in rows])]
"""
_CLOCK = """
import json, sys, time
rows = [json.loads(line) for line in open(sys.argv[1])]
judge([{"gold": "x/2", "answer": "0.5x"}, {"gold": "x/3", "answer": "0.5x"}])
started = time.perf_counter()
verdicts = judge(rows)
print(json.dumps([time.perf_counter() - started, [bool(verdict) for verdict in verdicts]]))
"""


def judged(program: str, file: Path, checkout: Path) -> tuple[float, list[bool]]:
    """Seconds and verdicts of a judge in a process of its own, with the code of a checkout."""
    said = subprocess.run(
        [sys.executable, "-c", program + _CLOCK, str(file)],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    ).stdout
    seconds, verdicts = json.loads(said.splitlines()[-1])
    return seconds, verdicts


def rows_of(file: Path) -> list[dict[str, Any]]:
    """Pairs of gold and answer, and whether the answer is right."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def write_ordinary(file: Path) -> None:
    """Ordinary answers as data sets have them, right and wrong."""
    rng = random.Random(1)
    drawn = [ordinary(rng) for _ in range(ORDINARY // 2)]
    rows = [
        {"gold": gold, "answer": answer, "right": answer == right}
        for gold, right, wrong in drawn
        for answer in (right, wrong)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--answers", type=Path, nargs="*", default=[TABLE])
    parser.add_argument("--before", type=Path)
    options = parser.parse_args()
    judges = {"math-verify alone": (_ALONE, ROOT), "this code": (_OURS, ROOT)}
    if options.before:
        judges["before"] = (_OURS, options.before.resolve())
    print(f"# `python -m bench.math_answers`\n\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f} at the start.\n")
    print(
        "| answers | judge | wrong ones paid | right ones refused | seconds | answers a second |\n"
        "|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as directory:
        plain = Path(directory) / "bench" / "ordinary.jsonl"
        plain.parent.mkdir()
        write_ordinary(plain)
        for file in [*(path.resolve() for path in options.answers), plain]:
            rows = rows_of(file)
            right = sum(row["right"] for row in rows)
            for name, (program, checkout) in judges.items():
                seconds, verdicts = judged(program, file, checkout)
                paid = sum(verdict and not row["right"] for row, verdict in zip(rows, verdicts, strict=True))
                refused = sum(row["right"] and not verdict for row, verdict in zip(rows, verdicts, strict=True))
                print(
                    f"| {file.parent.name}/{file.name} | {name} | {paid} of {len(rows) - right} | {refused} of {right} "
                    f"| {seconds:.1f} | {len(rows) / seconds:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
