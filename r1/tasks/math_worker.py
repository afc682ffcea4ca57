"""The program of one worker process, see r1/tasks/math_workers.py: requests in, what math-verify finds out.

A request is a line of JSON on standard input, `[gold]` or `[gold, predicted]`, both as `\\boxed{…}`. Its reply, a line
on standard output, is `[found, bytes]`: how math-verify writes gold (None if it cannot), or whether the two are equal;
and the most address space that this process ever took. Before the first comes an empty line: ready.

Limits are the kernel's, since math-verify's own (`signal.alarm`, an exception) wait for C code to return, and the
exception is swallowed where sympy catches all: a timer of processor time that ends the process, and its address space.
"""

import json
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any


def main(cpu_seconds: float, memory_bytes: int) -> None:
    """Reply until standard input ends.

    Args:
        cpu_seconds: processor time for one request; beyond it SIGPROF ends this process.
        memory_bytes: of address space; beyond it allocations fail.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    logging.disable()  # math-verify warns of timeouts that are switched off
    _equal("\\boxed{1}", "\\boxed{1}")  # imports and first use take as long as some hundred answers
    for stream in (sys.stdout, sys.stderr):  # what libraries print is no reply
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    replies.write(b"\n")
    for line in sys.stdin.buffer:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        try:
            found = _equal(*request) if len(request) == 2 else _written(*request)
        except Exception:  # RecursionError, MemoryError, and whatever else sympy has
            found = None
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(json.dumps([found, _peak()]).encode() + b"\n")


def _equal(gold: str, predicted: str) -> bool:
    """The verdict of TRL's accuracy_reward (trl/rewards/accuracy_rewards.py, 1.16), without importing TRL."""
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse, verify

    right = parse(gold, parsing_timeout=None)
    strict = LatexExtractionConfig(
        normalization_config=NormalizationConfig(units=True), boxed_match_priority=0, try_extract_without_anchor=False
    )
    answer = parse(predicted, [strict], extraction_mode="first_match", parsing_timeout=None)
    # Equal if any pair is; text by text goes first, since it costs nothing.
    texts = _texts(right), _texts(answer)
    return bool(verify(*texts, timeout_seconds=None) or verify(right, answer, timeout_seconds=None))


def _texts(parsed: list[Any]) -> list[str]:
    return [reading for reading in parsed if isinstance(reading, str)]


def _written(gold: str) -> str | None:
    from math_verify import parse

    read = parse(gold, parsing_timeout=None)
    return str(read[-1]) if read else None


def _peak() -> int:
    """Address space at its largest, in bytes (proc_pid_status(5), VmPeak)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmPeak:")[2].split()[0])


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
