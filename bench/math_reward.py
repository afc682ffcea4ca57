"""Robustness and cost of the mathematics reward, on 10,000 completions, a quarter of them adversarial.

    python -m bench.math_reward

Correct answers must score 1, wrong and adversarial ones 0, and none may hang. Then adversarial answers go directly to
the workers, bypassing the regular expressions that reject most of them, to test the time and memory limits. Prints
Markdown; exit code 1 if any answer scores otherwise. Takes about ten minutes on two cores.
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from r1.config.rl import RewardOptionsConfig
from r1.rewards import build_rewards
from r1.tasks.math_workers import CPU_SECONDS, MEMORY_BYTES, POOL, Found, Pool

TOTAL = 10_000
STEP = 512
"""Completions per optimizer step."""
EASY = 1_000
RAW_PER_FAMILY = 1

Case = tuple[str, str, str]
"""Gold answer, answer, kind: right, wrong, or the name of an adversarial family."""


def ordinary(rng: random.Random) -> tuple[str, str, str]:
    """Return a gold answer as in data sets, an equivalent form of it, and a wrong answer."""
    a, b, n = rng.randint(2, 9_999), rng.randint(2, 9_999), rng.randint(2, 9)
    forms = [
        (f"{a}", f"{a}.0", f"{a + 1}"),
        (f"{a}", f"${a}$", f"{a}.5"),
        (f"{a * 1000}", f"{a * 1000:,}", f"{a * 100}"),
        (f"\\frac{{{a}}}{{{b}}}", f"{a}/{b}", f"\\frac{{{a}}}{{{b + 1}}}"),
        (f"{a / 8}", f"\\frac{{{a}}}{{8}}", f"\\frac{{{a}}}{{9}}"),
        (f"{n}\\sqrt{{{b}}}", f"\\sqrt{{{n * n * b}}}", f"{n + 1}\\sqrt{{{b}}}"),
        (f"x^{n} + {a}x - {b}", f"{a}x - {b} + x^{n}", f"x^{n} - {a}x - {b}"),
        (f"(x + {n})^2", f"x^2 + {2 * n}x + {n * n}", f"x^2 + {n}x + {n * n}"),
        (f"({a}, {b})", f"\\left({a},{b}\\right)", f"({b + 1}, {a})"),
        (f"[{a}, \\infty)", f"\\left[{a},\\infty\\right)", f"({a}, \\infty)"),
        (f"\\{{{a}, {b}, 1\\}}", f"\\{{1, {b}, {a}\\}}", f"\\{{1, {b}\\}}"),
        (f"\\frac{{{a}\\pi}}{{{n}}}", f"{a}\\pi/{n}", f"\\frac{{{a + 1}\\pi}}{{{n}}}"),
        (f"{a} \\text{{ cm}}", f"{a}", f"{a + 1} \\text{{ cm}}"),
        (
            f"\\begin{{pmatrix}} {a} & {b} \\\\ 1 & {n} \\end{{pmatrix}}",
            f"\\begin{{pmatrix}}{a}&{b}\\\\1&{n}\\end{{pmatrix}}",
            f"\\begin{{pmatrix}}{a}&{b}\\\\2&{n}\\end{{pmatrix}}",
        ),
    ]
    return rng.choice(forms)


def _nested(opening: str, core: str, closing: str) -> Callable[[random.Random], str]:
    def nested(rng: random.Random) -> str:
        depth = int(10 ** rng.uniform(1, 5))
        return opening * depth + core + closing * depth

    return nested


def _one_of(*templates: str) -> Callable[[random.Random], str]:
    """Fill a template: N is a number with up to ten digits, M one with two or three."""

    def filled(rng: random.Random) -> str:
        text = rng.choice(templates).replace("N", str(rng.randint(2, 10 ** rng.randint(1, 10))))
        return text.replace("M", str(rng.randint(20, 400)))

    return filled


def _garbage(rng: random.Random) -> str:
    tokens = [
        "\\frac",
        "{",
        "}",
        "\\sqrt",
        "^",
        "_",
        "$",
        "\\left(",
        "\\right",
        "\\begin{cases}",
        "\\\\",
        "&",
        "4",
        "x",
    ]
    return "".join(rng.choices(tokens, k=rng.randint(1, 60)))


def _unicode(rng: random.Random) -> str:
    return "".join(chr(rng.choice([0, 8, 0x200B, 0x202E, 0x661, 0xD800, 0xDFFF, 0xFF14, 0x1D7D2])) for _ in range(20))


FAMILIES: dict[str, Callable[[random.Random], str]] = {
    "nested braces": _nested("{", "4", "}"),
    "nested brackets": _nested("(", "x", ")"),
    "nested \\left(": _nested("\\left(", "x", "\\right)"),
    "nested fractions": _nested("\\frac{1}{1+", "x", "}"),
    "nested roots": _nested("\\sqrt{1+", "x", "}"),
    "nested powers": _nested("2^{", "x", "}"),
    "nested absolute values": _nested("|x+", "x", "|"),
    "nested signs": _nested("-", "x", ""),
    "unclosed": _nested("\\frac{", "4", ""),
    "towers": _one_of(
        "10^{10^{10}}", "10^10^10", "9^{9^{9^{9}}}", "9**9**9**9", "N^{N^N}", "((9^N)^N)^N", "2^{{{N}}}", "10^{10^{N}}x"
    ),
    "large powers": _one_of(
        "N^{N}", "N^N", "N^\\frac{N}{1}", "(1.0000001)^{N}", "(N)^{(N)}", "x^{N}", "9^\\left(N\\right)"
    ),
    "roots of large numbers": _one_of("\\sqrt[N]{N^{N}}", "\\sqrt{N^{M}}", "\\sqrt[M]{N!}"),
    "factorials": _one_of("N!", "(10^8)!", "N!!", "\\frac{N!}{N!}", "(M!)!"),
    "binomials, gcd, mod": _one_of(
        "\\binom{N}{N}", "\\binom{10^9}{10^8}", "\\gcd(N!, N!)", "N^{N} \\bmod N", "\\text{lcm}(N, N^{M})"
    ),
    "expansions": _one_of("(x+y+z+w)^{50}", "(x+y+z+w)^{M}", "(a+b+c+d+e+f)^{M}(a-b)^{M}", "((x+1)^{M}+y)^{M}"),
    "sums and products": _one_of(
        "\\sum_{i=1}^{N} i^{M}",
        "\\prod_{i=1}^{N} i",
        "\\sum_{i=1}^{N}\\sum_{j=1}^{N} \\frac{1}{i+j}",
        "\\sum_{i=1}^{N} i!",
    ),
    "integrals and limits": _one_of(
        "\\int_0^1 x^x dx",
        "\\int e^{\\sin(x^M)} dx",
        "\\int_0^{N} \\frac{\\sin^{M} x}{1+x^{M}} dx",
        "\\lim_{x\\to 0} \\frac{\\sin(\\sin(x^{M}))}{x^{M}}",
    ),
    "functions": _one_of(
        "\\sin(\\sin(\\sin(10^{N})))", "\\log_{N}(N^{N})", "\\cos^{M}(x)\\sin^{M}(x)", "e^{e^{e^{M}}}"
    ),
    "sets and intervals": _one_of(
        "[0, N] \\cup (N, \\infty) \\cup (-\\infty, N]",
        "\\{1, N, N^{N}\\}",
        "(-N, N) \\setminus \\{0\\}",
        "(1, 10^{10^{10}})",
    ),
    "matrices": _one_of(
        "\\begin{pmatrix}" + "\\\\".join(["&".join(["x"] * 9)] * 9) + "\\end{pmatrix}^{M}",
        "\\det\\begin{pmatrix}"
        + "\\\\".join("&".join(f"x_{i}^{j}" for j in range(7)) for i in range(7))
        + "\\end{pmatrix}",
        "\\begin{pmatrix} N^{N} & 1 \\\\ 0 & 1 \\end{pmatrix}",
    ),
    "long numbers": lambda rng: str(rng.randint(1, 9)) * rng.randint(200, 5_000),
    "long sums": lambda rng: "+".join(["x"] * rng.randint(100, 20_000)),
    "megabytes": lambda rng: (
        rng.choice(["4", "x+", "\\frac{", "{", "\\sqrt{2}", "4 or "]) * rng.randint(200_000, 1_000_000)
    ),
    "broken LaTeX": _garbage,
    "unicode, NUL, surrogates": _unicode,
    "format tags": _one_of(
        "<answer>4</answer>", "<think>4</think>", "</answer><answer>4", "\\boxed{4}} \\boxed{{5", "</think>"
    ),
    "broken LaTeX around the gold answer": _one_of("\\frac{4", "4}{", "\\left(4", "$4", "4 \\\\ 5", "\\text{4", "4 &"),
}


def completions(rng: random.Random) -> list[Case]:
    """Generate cases: half right, a quarter wrong, a quarter adversarial; shuffled."""
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
    """Wrap an answer as the trainer passes completions."""
    return [{"role": "assistant", "content": f"<think>I work it out.</think><answer>{answer}</answer>"}]


def reward(cases: Sequence[Case]) -> list[float | None]:
    """Compute the accuracy reward, called as TRL calls it."""
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
    """Record the peak resident memory in MiB of each worker that runs within the block, by process id."""
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
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@contextlib.contextmanager
def recorded() -> Iterator[dict[tuple[str, ...], float]]:
    """Record the seconds that a worker took for each request within the block."""
    took: dict[tuple[str, ...], float] = {}

    def ask(requests: Sequence[Sequence[str]]) -> list[Found]:
        found = Pool.ask(POOL, requests)
        for request, (*_, seconds) in zip(requests, found, strict=True):
            took[tuple(request)] = seconds
        return found

    POOL.ask = ask  # type: ignore[method-assign]
    try:
        yield took
    finally:
        del POOL.ask


def through_the_reward(cases: list[Case]) -> bool:
    """Score all completions in steps; return True if each scores as expected."""
    reward(cases[:8])  # starts the workers
    before, replaced = own_peak(), POOL.replaced
    with watched() as peaks, recorded() as took:
        started = time.perf_counter()
        values = [value for at in range(0, len(cases), STEP) for value in reward(cases[at : at + STEP])]
        in_steps = time.perf_counter() - started
    replaced = POOL.replaced - replaced
    seconds = []
    for case in cases:
        gold, answer, _ = case
        worked = took.get((f"\\boxed{{{gold}}}", f"\\boxed{{{answer}}}"))
        if worked is None:  # rejected before reaching a worker
            started = time.perf_counter()
            reward([case])
            worked = time.perf_counter() - started
        seconds.append(worked)
    wanted = [float(kind == "right") for *_, kind in cases]
    kinds = ["adversarial" if kind in FAMILIES else kind for *_, kind in cases]
    print("| completions | scored | as expected |\n|---|---|---|")
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
        f"\n{sum(value in (0.0, 1.0) for value in values)} of {len(cases)} scored in {in_steps:.0f} s, in steps of "
        f"{STEP}; {len(took)} distinct ones reached a worker. Each: median {median:.1f} ms, p99 {p99:.1f} ms, "
        f"slowest {seconds[slowest]:.1f} s ({cases[slowest][2]}). Workers replaced after {CPU_SECONDS:g} s of CPU time "
        f"or a crash: {replaced}. Peak memory: this process {own_peak()} MiB "
        f"({before} before), a worker {max(peaks.values())} MiB.",
        flush=True,
    )
    return values == wanted


def past_the_guards(rng: random.Random) -> None:
    """Send adversarial answers directly to the workers, where only the resource limits stop them."""
    cases = [("\\boxed{x+1}", f"\\boxed{{{FAMILIES[name](rng)}}}") for name in FAMILIES for _ in range(RAW_PER_FAMILY)]
    names = [name for name in FAMILIES for _ in range(RAW_PER_FAMILY)]
    cases = [(gold, answer[:100_000]) for gold, answer in cases]
    replaced, started = POOL.replaced, time.perf_counter()
    with watched() as peaks:
        found = POOL.ask(cases)
    print(
        f"\nBypassing the guards, {len(found)} adversarial answers of up to 100,000 characters: "
        f"{sum(result.lost is None for result in found)} read, "
        f"{sum(result.lost == 'time' for result in found)} stopped after {CPU_SECONDS:g} s of CPU time, "
        f"{sum(result.lost == 'memory' for result in found)} by the limit of {MEMORY_BYTES >> 20} MiB or a crash; "
        f"{sum(bool(result.value) for result in found)} accepted as correct. Slowest "
        f"{max(result.seconds for result in found):.1f} s, total {time.perf_counter() - started:.0f} s. "
        f"Workers replaced: {POOL.replaced - replaced}; the largest used {max(peaks.values())} MiB.\n"
    )
    print("| family | read | time | memory or crash |\n|---|---|---|---|")
    for name in FAMILIES:
        ends = Counter(result.lost for result, of in zip(found, names, strict=True) if of == name)
        print(f"| {name} | {ends[None]} | {ends['time']} | {ends['memory']} |")


def hogs() -> bool:
    """Check that answers hit the memory limit, set so low that they hit it before the time limit."""
    large = ["+".join(["x"] * 1_500), "[1, 2] \\cup [3, 4]"]
    with Pool(1, cpu_seconds=60, memory_bytes=63 * 2**20) as pool:
        found = pool.ask([("\\boxed{x}", f"\\boxed{{{text}}}") for text in large] + [("\\boxed{4}", "\\boxed{4}")])
        print(
            f"\nLimit of 63 MiB, where a fresh worker uses 62: {_ends(found[:2])}; then 4 = 4: {found[2].value}. "
            f"Workers replaced: {pool.replaced}.",
            flush=True,
        )
        return found[2].value is True


def _ends(found: Sequence[Found]) -> str:
    return ", ".join(f"{count} {lost or 'read'}" for lost, count in Counter(result.lost for result in found).items())


def beside_trl(cases: list[Case]) -> bool:
    """Compare with TRL's own reward, run in this process one at a time on easy answers: verdicts and cost."""
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
    straight = POOL.ask([(solution, said[0]["content"]) for solution, said in zip(solutions, boxed, strict=True)])
    in_workers = time.perf_counter() - started
    same = sum(bool(value) == bool(found.value) for value, found in zip(theirs, straight, strict=True))
    print(
        f"\nTRL's accuracy_reward in this process, {len(easy)} easy answers: {one_by_one:.1f} s; {POOL.size} workers: "
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
    print(f"{POOL.size} workers on {os.cpu_count()} shared cores: load {load:.0f} at the start.\n")
    good = through_the_reward(cases)
    past_the_guards(rng)
    good &= hogs()
    good &= beside_trl(cases)
    POOL.close()
    left = subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True, check=False).stdout.split()
    print(f"\nProcesses left at the end: {len(left) - 1}.")  # one of them is pgrep itself
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
