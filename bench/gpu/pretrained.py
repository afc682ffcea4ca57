"""Parts on the pretrained model: base and zero, with either kind of rollouts; kill and resume; a learning curve."""

import json
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd

from bench.gpu.running import Copy, phases
from bench.gpu.sizes import Size

_HEAD = "| rollouts by | steps | generate | score | train | stage, s | peak memory, GB |\n|---|---|---|---|---|---|---|"
_POINTS = 8
"""Rows of the table that shows a learning curve."""


def _project(work: Path, size: Size, *overrides: str) -> Copy:
    """The pretrained model's project, with prompts and base made once."""
    copy = Copy(work / "small", (*size.small, *overrides))
    copy.once("data/prompts", "prepare")
    copy.once("data/models/base", "base", "model=base")
    return copy


def _zero(copy: Copy, name: str, steps: int) -> str:
    ran = copy.stage("zero", f"zero.max_steps={steps}")
    speeds = phases(copy.csv("data/plots/throughput/zero.csv"))
    return f"| {name} | {steps} | {speeds} | {ran.seconds:.0f} | {ran.peak / 1e9:.1f} |"


def rollouts(work: Path, size: Size) -> str:
    """Train zero with transformers' rollouts, and keep its curve for the part `resume`."""
    copy = _project(work, size)
    row = _zero(copy, "transformers", size.steps)
    copy.csv("data/plots/zero.csv").to_csv(work / "undisturbed.csv", index=False)
    return f"{_HEAD}\n{row}"


def vllm(work: Path, size: Size) -> str:
    """Train zero with vLLM colocated, and show how far the sampler is from the trainer."""
    copy = _project(work, size, *size.vllm)
    row = _zero(copy, "vLLM, colocated", size.steps)
    curve = copy.csv("data/plots/zero.csv")
    apart = [name for name in curve.columns if "sampl" in name and curve[name].notna().any()]
    shown = [f"| {name} | {curve[name].mean():.4g} | {curve[name].max():.4g} |" for name in apart]
    head = "| sampler against trainer | mean over steps | highest |\n|---|---|---|"
    return "\n".join([_HEAD, row, "", head, *shown] if shown else [_HEAD, row])


def resume(work: Path, size: Size) -> str:
    """Kill zero with SIGKILL at its first whole checkpoint, start it again, compare with the undisturbed run."""
    copy = _project(work, size)
    checkpoints = copy.root / "data/.checkpoints/zero"
    options = (f"zero.max_steps={size.steps}", f"rl.checkpoint_steps={size.steps // 2}")
    copy.stage("zero", *options, stop_when=lambda: any(checkpoints.glob("*/checkpoint-*/manifest.json")))
    second = copy.stage("zero", *options)
    resumed = next((line for line in second.output.splitlines() if "resuming from" in line), "NOT RESUMED")
    curve, undisturbed = copy.csv("data/plots/zero.csv"), pd.read_csv(work / "undisturbed.csv")
    same = float((curve["loss"] - undisturbed["loss"]).abs().max()) if len(curve) == len(undisturbed) else float("nan")
    return "\n".join(
        [
            "| | |\n|---|---|",
            f"| after the kill | {resumed.rpartition('/')[2] or resumed} |",
            f"| steps in the curve | {len(curve)} of {size.steps} |",
            f"| largest difference of a loss from the undisturbed run | {same:.2g} |",
        ]
    )


def learning(work: Path, size: Size) -> str:
    """Train zero for a given time; its reward by step, and pass@1 before and after, with 95 % intervals."""
    copy = _project(work, size, *size.vllm)
    copy.stage("zero", "zero.max_steps=3", "rl.patience=1000")
    seconds = copy.csv("data/plots/throughput/zero.csv").iloc[1:].filter(like="_seconds").sum(axis=1).mean()
    steps = int(np.clip(size.learning_seconds / seconds, 4, 400))
    copy.stage("zero", f"zero.max_steps={steps}")
    curve = copy.csv("data/plots/zero.csv")
    batch = int(curve["rollouts"].iloc[0])
    rows = []
    for steps_shown in np.array_split(np.arange(len(curve)), min(_POINTS, len(curve))):
        some = curve.take(steps_shown)
        right = some["rewards/accuracy_reward/mean"].mean()
        margin = 1.96 * sqrt(right * (1 - right) / (batch * len(some)))
        length = some["completions/mean_length"].mean()
        first, last = some["step"].iloc[0], some["step"].iloc[-1]
        rows.append(f"| {first} to {last} | {right:.1%} ± {margin:.1%} | {length:.0f} |")
    scored = {}
    for name in ("base", "zero"):
        ran = copy.call("-m", "bench.gpu.score", f"data/models/{name}", str(size.learning_samples))
        scored[name] = json.loads(ran.output.splitlines()[-1])
    evaluated = [
        f"| {family} | {_interval(before)} | {_interval(scored['zero'][family])} | {before['n']} |"
        for family, before in scored["base"].items()
    ]
    return "\n".join(
        [
            f"{steps} steps of {batch} rollouts, about {seconds:.1f} s each.\n",
            "| steps | rollouts right | mean tokens |\n|---|---|---|",
            *rows,
            "",
            f"pass@1 in %, {size.learning_samples} samples per problem, 95 % bootstrap intervals over problems:\n",
            "| problems | base | zero | number |\n|---|---|---|---|",
            *evaluated,
            "",
            "SmolLM2-135M's run on a CPU is in [docs/smollm2.md](../../docs/smollm2.md).",
        ]
    )


def _interval(of: dict[str, float]) -> str:
    return f"{of['mean']:.1%} [{of['low']:.1%}, {of['high']:.1%}]"
