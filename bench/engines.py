"""Equivalence of the sampling engines, and resuming of killed samplers.

    python -m bench.engines [data [folder]]

Samples 120 rejection-sampling problems, 16 times each, from R1-Zero in a data folder: with vLLM in process (with two
seeds, and once at a lower temperature, to show that the comparison can find a difference), with transformers, with two
replicas under Ray Data, and with a local vLLM server. Each is compared with the first: accuracy, length and truncation
by bootstrap over problems, answers by a permutation test within problems. The Ray and server runs are killed with
SIGKILL halfway and restarted; the comparison covers completions from before and after. Results that the folder already
has are not sampled again. Prints Markdown; exit code 1 if an engine differs, the run at lower temperature does not, or
a finished problem is sampled again. The machine may do other work meanwhile, so read speeds as ratios.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from r1.config.sampling import (
    EngineConfig,
    OpenaiEngineConfig,
    RayEngineConfig,
    SamplingConfig,
    TransformersEngineConfig,
    VllmEngineConfig,
)
from r1.models.chat import as_messages
from r1.rewards.accuracy import is_correct
from r1.rewards.response import parse_response
from r1.support.tables import read_rows
from tests.sampling.serving import vllm_server

PROBLEMS, SAMPLES, CHUNK_SIZE, RESAMPLES, ALPHA = 120, 16, 128, 4000, 0.001
WARM = SamplingConfig(temperature=1.0, top_p=1.0, max_new_tokens=96, num_samples=SAMPLES)
VLLM: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "cpu_kvcache_gib": 1,
    "gpu_memory_utilization": 0.5,
    "tensor_parallel_size": 1,
}


def engine_of(name: str, address: str) -> EngineConfig:
    """Return the engine configuration for a run's name."""
    if name.startswith("ray"):
        return RayEngineConfig(name="ray", address=None, replicas=2, chunk_size=CHUNK_SIZE, **VLLM)
    if name.startswith("openai"):
        options: dict[str, Any] = {
            "api_key_env": None,
            "seeded": False,
            "max_concurrency": 128,
            "timeout": 600,
            "retries": 2,
        }
        return OpenaiEngineConfig(name="openai", base_url=f"{address}/v1", model=None, **options)
    if name.startswith("transformers"):
        return TransformersEngineConfig(name="transformers", batch_size=CHUNK_SIZE)
    return VllmEngineConfig(name="vllm", **VLLM)


def draw(data: Path, folder: Path, name: str, seed: int, temperature: float, address: str = "") -> None:
    """Sample with one engine and write folder/result.json; runs in a separate process."""
    import r1.sampling.vllm_engine as vllm_engine
    from r1.models.policy import Policy
    from r1.sampling import open_sampler
    from r1.sampling.interface import Drawn
    from r1.sampling.journal import Resumed

    vllm_engine.CHUNK_SIZE = CHUNK_SIZE
    problems = read_rows(data / "prompts" / "rejection.parquet")[:PROBLEMS]
    sampler = open_sampler(Policy(data / "models" / "zero"), engine_of(name, address), folder)
    assert isinstance(sampler, Resumed)
    drawn: Drawn = {}
    ended: list[tuple[float, int]] = []
    kept = sum(len(of_one) == SAMPLES for of_one in sampler.journal.known.values())
    questions = [as_messages(problem["prompt"]) for problem in problems]
    for chunk in sampler.draw(questions, WARM.model_copy(update={"temperature": temperature}), seed):
        drawn |= chunk
        ended.append((time.perf_counter(), sum(one.tokens for of_one in chunk.values() for one in of_one)))
    tokens = sum(tokens for _, tokens in ended[1:])  # the first chunk's time includes start-up
    rows = [
        [
            [
                parse_response(one.text).answer or "",
                is_correct(one.text, problem["task"], problem["answer"]),
                one.tokens,
                one.truncated,
            ]
            for one in drawn[number]
        ]
        for number, problem in enumerate(problems)
    ]
    result = {"rows": rows, "speed": tokens / max(1e-9, ended[-1][0] - ended[0][0]), "kept": kept}
    (folder / "result.json").write_text(json.dumps(result))


def start(data: Path, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a sampling process, with its output in folder/log."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "bench.engines", "draw", str(data), str(folder), *arguments], stdout=log, stderr=log
        )


def finish(data: Path, folder: Path, *arguments: str) -> dict:
    """Wait for a sampling process, or skip it if its result exists, and return the result."""
    if not (folder / "result.json").exists() and start(data, folder, *arguments).wait():
        raise SystemExit(f"{folder.name} failed: {(folder / 'log').read_text()[-3000:]}")
    print(f"{folder.name} is done", file=sys.stderr, flush=True)
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def lines(journal: Path) -> list[str]:
    """Keys of the finished problems, from complete lines only."""
    content = journal.read_text() if journal.exists() else ""
    return [json.loads(line)["key"] for line in content[: content.rfind("\n") + 1].splitlines()]


def kill_halfway(data: Path, folder: Path, *arguments: str) -> int:
    """Kill a sampling process with SIGKILL once half the problems are finished; return the number finished."""
    process = start(data, folder, *arguments)
    while len(lines(folder / "completions.jsonl")) < PROBLEMS // 2:
        if process.poll() is not None:
            raise SystemExit(f"ended before it was killed: {(folder / 'log').read_text()[-3000:]}")
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return len(lines(folder / "completions.jsonl"))


def received(address: str) -> int:
    """Number of requests that a vLLM server has finished, including those that the client aborted."""
    with urlopen(f"{address}/metrics") as response:
        text = response.read().decode()
    return int(sum(float(value) for value in re.findall(r"^vllm:request_success_total\{.*\} (\S+)$", text, re.M)))


def permutation_test(one: list, other: list, generator: np.random.Generator) -> float:
    """P-value of the hypothesis that two samplers' answers have the same distribution for every problem.

    The statistic is Pearson's chi-square summed over problems; under the hypothesis, samples of a problem are
    exchangeable between samplers.
    """
    total, permuted = 0.0, np.zeros(RESAMPLES)
    for first, second in zip(one, other, strict=True):
        codes = np.unique([row[0] for row in first + second], return_inverse=True)[1]
        both, size = np.bincount(codes), len(first)
        orders = np.argsort(generator.random((RESAMPLES + 1, len(codes))), axis=1)
        orders[0] = np.arange(len(codes))
        counts = np.eye(len(both))[codes][orders[:, :size]].sum(axis=1)  # [resample, answer]
        expected = both * size / len(codes)
        statistic = ((counts - expected) ** 2 / expected).sum(axis=1)
        total, permuted = total + statistic[0], permuted + statistic[1:]
    return float((1 + (permuted >= total - 1e-9).sum()) / (1 + RESAMPLES))


def compare(name: str, one: dict, other: dict, seed: int) -> tuple[str, float, bool]:
    """Return a table row, the p-value for the answers, and whether every 99.9% interval of a difference contains 0."""
    generator = np.random.default_rng(seed)
    means = [np.array([[row[1:] for row in rows] for rows in run["rows"]], float).mean(axis=1) for run in (one, other)]
    difference = means[1] - means[0]
    picks = generator.integers(0, len(difference), (RESAMPLES, len(difference)))
    low, high = np.quantile(difference[picks].mean(axis=1), [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    p = permutation_test(one["rows"], other["rows"], generator)
    cells = [
        f"{mean:.3f} ({center:+.3f}, {down:+.3f} to {up:+.3f})"
        for mean, center, down, up in zip(means[1].mean(axis=0), difference.mean(axis=0), low, high, strict=True)
    ]
    same = bool(((low <= 0) & (high >= 0)).all())
    return f"| {name} | {' | '.join(cells)} | {p:.4f} | {other['speed'] / one['speed']:.2f} |", p, same


def resume(data: Path, folder: Path, *arguments: str) -> tuple[dict, int, int, bool]:
    """Kill a sampling process halfway, then resume it.

    Returns:
        All samples; problems finished before the kill; problems sampled after it; whether none was sampled twice.
    """
    journal = folder / "completions.jsonl"
    before = kill_halfway(data, folder, *arguments)
    if arguments[0] == "openai":
        time.sleep(10)  # until the server has dropped the requests in flight
        asked = received(arguments[-1])
    result = finish(data, folder, *arguments)
    keys = lines(journal)
    if arguments[0] == "openai":
        after, rest = divmod(received(arguments[-1]) - asked, SAMPLES)
        assert rest == 0, "unexpected requests"
    else:
        after = len(keys) - before
    once = result["kept"] == before and before + after == len(keys) == len(set(keys)) == PROBLEMS
    return result, before, after, once


def main(data: Path, root: Path) -> int:
    """Run what the folder does not contain yet, and compare."""
    root.mkdir(parents=True, exist_ok=True)
    runs = {
        "vllm": finish(data, root / "vllm", "vllm", "1", "1.0"),
        "vllm, another seed": finish(data, root / "again", "vllm", "2", "1.0"),
        "vllm, temperature 0.8": finish(data, root / "colder", "vllm", "3", "0.8"),
        "transformers": finish(data, root / "transformers", "transformers", "4", "1.0"),
    }
    kills: dict[str, list[Any]] = {}
    with vllm_server(data / "models" / "zero", root / "server.log") as address:
        name = "openai, a vLLM server"
        runs[name], *kills[name] = resume(data, root / "openai", "openai", "5", "1.0", address)
    name = "ray, 2 replicas"
    runs[name], *kills[name] = resume(data, root / "ray", "ray", "6", "1.0")

    print(
        f"{PROBLEMS} problems, {SAMPLES} samples each; differences from the first row with {1 - ALPHA:.1%} intervals\n"
    )
    print("| engine | accuracy | tokens | truncated | answers: p | tokens/s, ratio |\n|---|---|---|---|---|---|")
    failed = False
    for seed, (name, run) in enumerate(runs.items()):
        row, p, same = compare(name, runs["vllm"], run, seed)
        print(row)
        differs = p < ALPHA or not same
        failed |= differs != ("temperature" in name)
    print("\n| SIGKILL halfway | problems finished before | sampled after | none twice |\n|---|---|---|---|")
    for name, (before, after, once) in kills.items():
        print(f"| {name} | {before} | {after} | {'yes' if once else 'NO'} |")
        failed |= not once
    return int(failed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["draw"]:
        draw(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], int(sys.argv[5]), float(sys.argv[6]), *sys.argv[7:])
    else:
        data, *rest = sys.argv[1:] or ["data"]
        with tempfile.TemporaryDirectory() as temporary:
            sys.exit(main(Path(data), Path(*rest or [temporary])))
