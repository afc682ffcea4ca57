"""Do replicas wait? Two Ray replicas on CPU, and chunks that overlap in one engine.

    python -m bench.replicas [data]

Samples rejection-sampling problems of a data folder from its base model. Two replicas draw them in chunks; a
replica is idle between two chunks only if it waits for Ray. Then one vLLM engine draws the same chunks one after the
other, and two at a time as on a GPU, in turn and three times each, so that read speeds are ratios. Prints Markdown.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import r1.sampling.vllm_engine as vllm_engine
from bench.engines import VLLM
from r1.config.sampling import RayEngineConfig, SamplingConfig, VllmEngineConfig
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.sampling.interface import Conversation
from r1.sampling.ray_engine import Drawing, RaySampler
from r1.sampling.vllm_engine import VllmSampler
from r1.sampling.vllm_flow import Flow
from r1.support.tables import read_rows

PROMPTS, CHUNK_SIZE, ROUNDS, WIDTH = 400, 256, 3, 60
WARM = SamplingConfig(temperature=1.0, top_p=1.0, max_new_tokens=96, num_samples=8)


def timeline(policy: Policy, asked: Sequence[Conversation]) -> list[Drawing]:
    """Let two replicas draw everything."""
    engine = RayEngineConfig(name="ray", address=None, replicas=2, chunk_size=CHUNK_SIZE, **VLLM)
    sampler = RaySampler(policy, engine)
    sampler.sample(asked, WARM, 1)
    return sampler.timeline


def table(drawings: list[Drawing]) -> list[str]:
    """Markdown: chunks, busy share and gaps of each replica, and a picture of its chunks (# and = in turn)."""
    by_replica: dict[str, list[Drawing]] = defaultdict(list)
    for drawing in sorted(drawings, key=lambda drawing: drawing.started):
        by_replica[drawing.replica].append(drawing)
    start, end = min(drawing.started for drawing in drawings), max(drawing.ended for drawing in drawings)
    rows, picture = [], []
    for number, drawn in enumerate(by_replica.values(), 1):
        gaps = [after.started - before.ended for before, after in pairwise(drawn)]
        busy = sum(drawing.ended - drawing.started for drawing in drawn)
        span = drawn[-1].ended - drawn[0].started
        waited = f"{sum(gaps):.2f} | {max(gaps, default=0):.3f}"
        rows.append(f"| {number} | {len(drawn)} | {busy:.1f} | {waited} | {busy / span:.1%} |")
        line = [" "] * WIDTH
        for index, drawing in enumerate(drawn):
            first, last = (int((at - start) / (end - start) * (WIDTH - 1)) for at in (drawing.started, drawing.ended))
            line[first : last + 1] = "#="[index % 2] * (last + 1 - first)
        picture.append(f"{number} {''.join(line)}")
    head = [
        "| replica | chunks | busy s | idle between chunks, s | longest gap, s | busy |",
        "|---|---|---|---|---|---|",
    ]
    return [*head, *rows, "", "```text", *picture, f"  0 s{f'{end - start:.0f} s':>{WIDTH - 3}}", "```"]


def overlap(policy: Policy, asked: Sequence[Conversation]) -> list[str]:
    """Markdown rows: tokens per second of one engine with chunks one at a time and two at a time."""
    vllm_engine.CHUNK_SIZE = CHUNK_SIZE
    sampler = VllmSampler(policy, VllmEngineConfig(name="vllm", **VLLM), show_progress=False)
    flow = Flow(sampler.llm)
    speeds: dict[str, list[float]] = {"one at a time": [], "two overlapping": []}
    for turn in range(ROUNDS):
        for name, engine in zip(speeds, (None, flow), strict=True):
            sampler.flow = engine
            started = time.perf_counter()
            drawn = sampler.sample(asked, WARM, turn)
            tokens = sum(completion.tokens for completions in drawn for completion in completions)
            speeds[name].append(tokens / (time.perf_counter() - started))
    baseline = median(speeds["one at a time"])
    rows = [
        f"| {name} | {', '.join(f'{speed:,.0f}' for speed in of)} | {median(of) / baseline:.2f} |"
        for name, of in speeds.items()
    ]
    return ["| chunks | tokens/s in each round | ratio of medians |", "|---|---|---|", *rows]


def main(data: Path) -> None:
    """Measure and print."""
    policy = Policy(data / "models" / "base")
    asked = [as_messages(row["prompt"]) for row in read_rows(data / "prompts" / "rejection.parquet")[:PROMPTS]]
    print(f"{len(asked)} prompts, {WARM.num_samples} samples each, chunks of {CHUNK_SIZE} completions.\n")
    print("\n".join(table(timeline(policy, asked))))
    print()
    print("\n".join(overlap(policy, asked)))


if __name__ == "__main__":
    main(Path(*sys.argv[1:] or ["data"]))
