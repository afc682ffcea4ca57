"""Is the reward of mathematics robust, and what does it cost? On 10,000 completions, one in four of them adversarial.

    python -m bench.math_reward

Right answers must score 1, wrong and adversarial ones 0, and none may hang. Then the adversarial answers go straight to
the workers, past the reading that refuses most of them, so that the limits of time and memory have to do the work.
Prints Markdown; exit code 1 if any scores otherwise. What is misjudged of real data sets: bench/math_answers.py.
"""

import contextlib
import os
import random
import resource
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.math_cases import FAMILIES, ordinary
from r1.config.rewards import RewardOptionsConfig
from r1.rewards import build_rewards
from r1.tasks import mathematics
from r1.tasks.math_workers import CPU_SECONDS, MEMORY_BYTES, POOL, Found, Pool

TOTAL = 10_000
STEP = 512
"""Completions of a training step."""
SINGLE = 2_000
"""Completions timed one by one."""
EASY = 1_000
RAW_PER_FAMILY = 1

Case = tuple[str, str, str]
"""Gold answer, answer, what it is: right, wrong, or the name of an adversarial family."""


def completions(rng: random.Random) -> list[Case]:
    """Half of them right, a quarter wrong, a quarter adversarial; shuffled."""
    cases: list[Case] = []
    for number in range(TOTAL * 3 // 4):
        gold, right, wrong = ordinary(rng)
        cases.append((gold, wrong, "wrong") if number % 3 == 2 else (gold, right, "right"))
    names = list(FAMILIES)
    for number in range(TOTAL - len(cases)):
        name = names[number % len(names)]
        cases.append((rng.choice(["5", "\\frac{1}{7}", "2\\sqrt{3}", "x+y", "[3, 5]"]), FAMILIES[name](rng), name))
    rng.shuffle(cases)
    return cases


def conversation(answer: str) -> list[dict[str, str]]:
    """As the trainer hands it over."""
    return [{"role": "assistant", "content": f"<think>I work it out.</think><answer>{answer}</answer>"}]


def reward(cases: Sequence[Case]) -> list[float | None]:
    """The accuracy reward, called as TRL calls it."""
    (function,), _ = build_rewards({"accuracy_reward": 1.0}, RewardOptionsConfig.model_construct(), 1024)
    return function(
        completions=[conversation(answer) for _, answer, _ in cases],
        prompts=[[{"role": "user", "content": "?"}]] * len(cases),
        completion_ids=[[1]] * len(cases),
        task=["math"] * len(cases),
        answer=[gold for gold, *_ in cases],
        kind=[""] * len(cases),
    )


@contextlib.contextmanager
def watched() -> Iterator[dict[int, int]]:
    """The most resident memory of each worker that lives in the meantime, by process, in MiB."""
    peaks: dict[int, int] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for worker in list(POOL.workers):
                with contextlib.suppress(OSError, IndexError):
                    status = Path(f"/proc/{worker.process.pid}/status").read_text()
                    peaks[worker.process.pid] = int(status.partition("VmHWM:")[2].split()[0]) >> 10

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def own_peak() -> int:
    """This process's most resident memory, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def through_the_reward(cases: list[Case]) -> bool:
    """All completions in steps; True if each scores as it should."""
    reward(cases[:8])  # workers start
    before, replaced = own_peak(), POOL.replaced
    with watched() as peaks:
        started = time.perf_counter()
        values = [value for at in range(0, len(cases), STEP) for value in reward(cases[at : at + STEP])]
        in_steps = time.perf_counter() - started
    replaced = POOL.replaced - replaced
    seconds = []
    for case in cases[:SINGLE]:
        started = time.perf_counter()
        reward([case])
        seconds.append(time.perf_counter() - started)
    wanted = [float(kind == "right") for *_, kind in cases]
    kinds = ["adversarial" if kind in FAMILIES else kind for *_, kind in cases]
    print("| completions | scored | as they should |\n|---|---|---|")
    for name in ("right", "wrong", "adversarial"):
        chosen = [index for index, kind in enumerate(kinds) if kind == name]
        scored = sum(values[index] in (0.0, 1.0) for index in chosen)
        print(f"| {name} | {scored}/{len(chosen)} | {sum(values[i] == wanted[i] for i in chosen)}/{len(chosen)} |")
    for (gold, answer, kind), value, want in zip(cases, values, wanted, strict=True):
        if value != want:
            print(f"{kind}: gold {gold[:60]!a}, answer {answer[:60]!a}: {value}", file=sys.stderr)
    slowest = int(np.argmax(seconds))
    median, p99 = 1000 * np.quantile(seconds, [0.5, 0.99])
    print(
        f"\n{sum(value in (0.0, 1.0) for value in values)} of {len(cases)} scored, in {in_steps:.0f} s, in steps of "
        f"{STEP}. A single one, of {SINGLE}: median {median:.1f} ms, p99 {p99:.1f} ms, "
        f"slowest {seconds[slowest]:.1f} s ({cases[slowest][2]}). Ended by {CPU_SECONDS:g} s of processor time or "
        f"otherwise, and replaced: {replaced} workers. Peak memory: this process {own_peak()} MiB "
        f"({before} before), a worker {max(peaks.values())} MiB.",
        flush=True,
    )
    return values == wanted


def past_the_guards(rng: random.Random) -> None:
    """Adversarial answers straight to the workers, whose limits alone hold them."""
    cases = [("x+1", FAMILIES[name](rng)) for name in FAMILIES for _ in range(RAW_PER_FAMILY)]
    names = [name for name in FAMILIES for _ in range(RAW_PER_FAMILY)]
    cases = [(gold, answer[:100_000]) for gold, answer in cases]
    replaced, started = POOL.replaced, time.perf_counter()
    with watched() as peaks:
        found = POOL.ask(cases)
    print(
        f"\nPast the guards, {len(found)} adversarial answers, up to 100,000 characters: "
        f"{sum(result.lost is None for result in found)} read, "
        f"{sum(result.lost == 'time' for result in found)} ended by {CPU_SECONDS:g} s of processor time, "
        f"{sum(result.lost == 'memory' for result in found)} by {MEMORY_BYTES >> 20} MiB or a crash; "
        f"{sum(bool(result.value) for result in found)} taken for right. Slowest "
        f"{max(result.seconds for result in found):.1f} s, all {time.perf_counter() - started:.0f} s. "
        f"Workers replaced: {POOL.replaced - replaced}; the largest took {max(peaks.values())} MiB.\n"
    )
    print("| family | read | time | memory or crash |\n|---|---|---|---|")
    for name in FAMILIES:
        ends = Counter(result.lost for result, of in zip(found, names, strict=True) if of == name)
        print(f"| {name} | {ends[None]} | {ends['time']} | {ends['memory']} |")


def hogs() -> bool:
    """Answers that need more memory than there may be, under a limit so low that time does not come first."""
    large = ["+".join(["x"] * count) for count in (1_500, 6_000)]
    with Pool(1, cpu_seconds=60, memory_bytes=66 * 2**20) as pool:
        found = pool.ask([("x", text) for text in large] + [("4", "4")])
        print(
            f"\nUnder 66 MiB, where a fresh worker has 64: {_ends(found[:2])}; then 4 is 4: {found[2].value}. "
            f"Workers replaced: {pool.replaced}.",
            flush=True,
        )
        return found[2].value is True


def _ends(found: Sequence[Found]) -> str:
    return ", ".join(f"{count} {lost or 'read'}" for lost, count in Counter(result.lost for result in found).items())


def beside_trl(cases: list[Case]) -> bool:
    """TRL's own reward in this process, one at a time, on easy answers: the same verdicts, at what cost?"""
    from trl.rewards import accuracy_reward

    easy = [case for case in cases if case[2] in ("right", "wrong")][:EASY]
    boxed = [conversation(answer) for _, answer, _ in easy]
    for conversations, (_, answer, _) in zip(boxed, easy, strict=True):
        conversations[0]["content"] = f"\\boxed{{{answer}}}"
    solutions = [f"\\boxed{{{gold}}}" for gold, *_ in easy]
    accuracy_reward(boxed[:5], solutions[:5])
    started = time.perf_counter()
    theirs = accuracy_reward(boxed, solutions)
    one_by_one = time.perf_counter() - started
    started = time.perf_counter()
    ours = mathematics.verify_all([answer for _, answer, _ in easy], [gold for gold, *_ in easy])
    in_workers = time.perf_counter() - started
    same = sum(bool(value) == verdict for value, verdict in zip(theirs, ours, strict=True))
    print(
        f"\nTRL's accuracy_reward in process, {len(easy)} easy answers: {one_by_one:.1f} s; {POOL.size} workers: "
        f"{in_workers:.1f} s, {one_by_one / in_workers:.2f} times as fast. Same verdict: {same}/{len(easy)}."
    )
    return same == len(easy)


def main() -> int:
    """Measure and print."""
    warnings.simplefilter("always")
    rng = random.Random(0)
    cases = completions(rng)
    load = os.getloadavg()[0]
    print("# `python -m bench.math_reward`\n")
    print(f"{POOL.size} workers on {os.cpu_count()} cores, which other work shared: load {load:.0f} at the start.\n")
    good = through_the_reward(cases)
    past_the_guards(rng)
    good &= hogs()
    good &= beside_trl(cases)
    POOL.close()
    left = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True, check=False).stdout.split()
    print(f"\nProcesses left at the end: {len(left)}.")  # pgrep leaves itself out
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
