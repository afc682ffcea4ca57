"""Tokens computed over tokens needed in RL and SFT, and the miniature's own steps, padded as TRL pads and as here.

    python -m bench.padding count          tokens of long-tailed lengths; seconds
    python -m bench.padding [data [pairs]] also the miniature's steps, from a data folder in which `base` has run

Before: TRL pads a generation round to its longest prompt and completion, and an SFT micro-batch, in data order, to its
longest example. After: rows of an optimizer step are sorted by length, cut, and trimmed. A step is timed in runs of
five, the two ways in turn, from the same seed; the first step of a run is left out. Seconds are of the process, so that
other work on the machine does not count. Prints Markdown; exit code 1 if the two ways differ in the first step's loss.
"""

import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch

from r1.models.lengths import Lengths, balanced, cut, padded_tokens
from r1.rl.micro_batches import MicroBatchLimit
from tests.conftest import compose

STEPS = 5
CONTEXT, LONG_RUN = 2560, 50
"""Of profile=gpu, in tokens; optimizer steps to draw."""
TOLERANCE = 1e-3
Row = tuple[str, float, float]
"""What was counted, and its tokens computed over those needed before and after."""


def long_tailed(random: np.random.Generator, groups: int, group: int, longest: int) -> list[tuple[int, int]]:
    """A step's prompts and completions: log-normal, medians of 120 and 500 tokens, the means of the longest cut off."""
    prompts = random.lognormal(np.log(120), 0.5, groups).clip(20, 1024).astype(int).repeat(group).tolist()
    completions = random.lognormal(np.log(500), 0.9, groups * group).clip(2, longest).astype(int).tolist()
    return list(zip(prompts, completions, strict=True))


def rl_counts(rounds: Sequence[Lengths], limit: MicroBatchLimit) -> tuple[float, float]:
    """Tokens computed over tokens needed, before and after, of rounds with one optimizer step each."""
    needed = before = after = 0
    for lengths in rounds:
        needed += sum(map(sum, lengths))
        whole = padded_tokens(lengths, range(len(lengths)))
        before += whole
        after += sum(padded_tokens(lengths, part) for part in cut(lengths, limit.budget(whole // len(lengths))))
    return before / needed, after / needed


def sft_counts(examples: Sequence[int], batch: int, micro: int) -> tuple[float, float]:
    """Tokens computed over tokens needed, before and after, of examples of so many tokens in data order."""
    needed = before = after = 0
    for start in range(0, len(examples) - batch + 1, batch):
        lengths = [(0, length) for length in examples[start : start + batch]]
        needed += sum(map(sum, lengths))
        before += sum(padded_tokens(lengths, range(at, at + micro)) for at in range(0, batch, micro))
        after += sum(padded_tokens(lengths, part) for part in balanced(lengths, batch // micro))
    return before / needed, after / needed


def long_counts() -> list[Row]:
    """Long-tailed lengths at the sizes of profile=gpu."""
    config, random = compose("profile=gpu"), np.random.default_rng(0)
    stage, sft = config.zero, config.sft
    groups = stage.batch_size // stage.num_generations
    drawn = [long_tailed(random, groups, stage.num_generations, stage.max_completion_length) for _ in range(LONG_RUN)]
    null = MicroBatchLimit(stage.micro_batch_size, None)
    wide = MicroBatchLimit(stage.micro_batch_size, 4 * stage.micro_batch_size * stage.max_completion_length)
    examples = [min(sum(row), CONTEXT) for lengths in drawn for row in lengths]
    random.shuffle(examples)
    return [
        (f"RL, long-tailed, {stage.batch_size} rollouts, micro_batch_tokens: null", *rl_counts(drawn, null)),
        (f"the same, micro_batch_tokens: {wide.tokens}", *rl_counts(drawn, wide)),
        (
            f"SFT, long-tailed, {sft.batch_size} examples in {sft.batch_size // sft.micro_batch_size} micro-batches",
            *sft_counts(examples, sft.batch_size, sft.micro_batch_size),
        ),
    ]


# --- the miniature's own steps ---------------------------------------------------------------------------------------


@contextmanager
def rollouts_seen() -> Iterator[list[tuple[list[list[int]], list[list[int]]]]]:
    """Collect token ids of prompts and completions, round by round."""
    from r1.rl.watched import Watched

    seen: list[tuple[list[list[int]], list[list[int]]]] = []
    generate = Watched._generate

    def collect(self: Any, *args: Any) -> Any:
        generated = generate(self, *args)
        seen.append((generated[0], generated[1]))
        return generated

    with patch.object(Watched, "_generate", collect):
        yield seen


def rl_run(data: Path, tokens: int | None) -> tuple[pd.DataFrame, pd.DataFrame, list[Any]]:
    """Train a few steps of R1-Zero. Returns the curve, seconds by phase, and the rollouts."""
    from r1.models.policy import Policy
    from r1.rl.settings import RlSettings
    from r1.rl.train import train_on_rules
    from r1.support.tables import read_rows
    from r1.training.context import TrainingContext

    config = compose()
    stage = config.zero.model_copy(update={"max_steps": STEPS, "micro_batch_tokens": tokens})
    with TemporaryDirectory() as folder, rollouts_seen() as seen, patch("time.perf_counter", time.process_time):
        context = TrainingContext(config.seed, Path(folder) / "curve.csv", Path(folder) / "checkpoints")
        policy, prompts = Policy(data / "models" / "base"), read_rows(data / "prompts" / "rl.parquet")
        train_on_rules(policy, prompts, RlSettings(stage, config.rl), context)
        return pd.read_csv(context.curve), pd.read_csv(Path(folder) / "throughput" / "curve.csv"), seen


def sft_run(data: Path, examples: list[dict[str, str]], micro: int, packing: bool) -> tuple[pd.DataFrame, float]:
    """Fine-tune on examples. Returns the curve and seconds per step, the first left out."""
    from r1.finetuning.sft import FinetuneTrainer, finetune
    from r1.models.policy import Policy
    from r1.training.context import PLAIN, TrainingContext

    config, ends = compose(), []
    sft = config.sft.model_copy(update={"epochs": 1, "micro_batch_size": micro})
    logged = FinetuneTrainer.log

    def log(self: Any, *args: Any, **kwargs: Any) -> None:
        ends.append(time.process_time())
        logged(self, *args, **kwargs)

    with TemporaryDirectory() as folder, patch.object(FinetuneTrainer, "log", log):
        training = PLAIN.model_copy(update={"packing": packing})
        context = TrainingContext(config.seed, Path(folder) / "curve.csv", Path(folder) / "checkpoints", training)
        finetune(Policy(data / "models" / "base"), examples, sft, context)
        steps = len(pd.read_csv(context.curve))
        return pd.read_csv(context.curve), (ends[steps - 1] - ends[0]) / (steps - 1)


def miniature(data: Path, pairs: int) -> tuple[list[Row], list[str], bool]:
    """Counts and timings of the miniature's own steps, and whether both ways have the same losses."""
    from r1.models.loading import load_tokenizer

    zero, sft = compose().zero, compose().sft
    runs: dict[bool, list[pd.DataFrame]] = {False: [], True: []}
    curves: dict[bool, pd.DataFrame] = {}
    rollouts: list[Any] = []
    for number, ours in itertools.product(range(pairs), (False, True)):
        ours ^= number % 2 == 1
        curves[ours], phases, rollouts = rl_run(data, zero.micro_batch_tokens if ours else None)
        runs[ours].append(phases.iloc[1:])
    lengths = [[(len(prompt), len(completion)) for prompt, completion in zip(*seen, strict=True)] for seen in rollouts]
    same = abs(curves[True]["grad_norm"][0] / curves[False]["grad_norm"][0] - 1) < TOLERANCE
    seconds = {ours: pd.concat(tables).mean() for ours, tables in runs.items()}
    lines = ["| R1-Zero's step | padded as TRL does, CPU s | here, CPU s | ratio |", "|---|---|---|---|"]
    for phase in ("generate", "score", "train", "step"):
        columns = (
            [f"{phase}_seconds"] if phase != "step" else [f"{one}_seconds" for one in ("generate", "score", "train")]
        )
        before, after = (float(seconds[ours][columns].sum()) for ours in (False, True))
        lines.append(f"| {phase} | {before:.3f} | {after:.3f} | {after / before:.2f} |")

    tokenizer = load_tokenizer(data / "models" / "base")
    texts = [
        {
            "prompt": str(tokenizer.decode(prompt)),
            "completion": str(tokenizer.decode(completion, skip_special_tokens=True)),
        }
        for seen in rollouts
        for prompt, completion in zip(*seen, strict=True)
    ]
    kinds = [("padded", sft.batch_size, False), ("sorted", sft.micro_batch_size, False)]
    kinds += [("packed", sft.micro_batch_size, True), ("packed, one micro-batch", sft.batch_size, True)]
    timed: dict[str, list[float]] = {kind: [] for kind, *_ in kinds}
    losses: dict[str, pd.DataFrame] = {}
    for number in range(pairs):
        for kind, micro, packing in kinds[:: -1 if number % 2 else 1]:
            losses[kind], spent = sft_run(data, texts, micro, packing)
            timed[kind].append(spent)
    same &= all(abs(curve["loss"][0] / losses["padded"]["loss"][0] - 1) < TOLERANCE for curve in losses.values())
    lines += ["", "| SFT step | CPU s | ratio |", "|---|---|---|"]
    for kind, each in timed.items():
        lines.append(f"| {kind} | {np.mean(each):.3f} | {np.mean(each) / np.mean(timed['padded']):.2f} |")
    examples = [sum(row) for step in lengths for row in step]
    limit = MicroBatchLimit(zero.micro_batch_size, zero.micro_batch_tokens)
    counts: list[Row] = [
        (f"RL, miniature, {zero.batch_size} rollouts, micro_batch_tokens: {limit.tokens}", *rl_counts(lengths, limit)),
        (
            f"SFT on these, {sft.batch_size} examples in {sft.batch_size // sft.micro_batch_size} micro-batches",
            sft_counts(examples, sft.batch_size, sft.batch_size)[0],
            sft_counts(examples, sft.batch_size, sft.micro_batch_size)[1],
        ),
    ]
    return counts, lines, same


def main() -> None:
    """Count, and time unless only counts are wanted."""
    rows, same = long_counts(), True
    lines: list[str] = []
    if sys.argv[1:] != ["count"]:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
        data, pairs = Path((sys.argv[1:] or ["data"])[0]), int((sys.argv[2:] or ["3"])[0])
        counts, lines, same = miniature(data, pairs)
        rows = counts + rows
        load = " ".join(f"{value:.1f}" for value in os.getloadavg())
        lines = [f"{torch.get_num_threads()} threads, load average {load} at the end, {pairs} runs each way.\n", *lines]
    print("| tokens computed / needed | before | after |\n|---|---|---|")
    for what, before, after in rows:
        print(f"| {what} | {before:.2f} | {after:.2f} |")
    print("", *lines, sep="\n")
    raise SystemExit(not same)


if __name__ == "__main__":
    main()
