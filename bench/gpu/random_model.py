"""Parts on a random model of a real model's shape: the profile's own zero, and steps beside stock TRL's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from bench.gpu.running import Copy, has_gpu, phases
from bench.gpu.sizes import Size
from r1.models.chat import TEMPLATES
from r1.models.loading import save
from r1.models.tokenizer import END, PAD, train_tokenizer
from r1.planning.hardware import DEVICES, Device
from r1.planning.plan import Cluster, plan
from r1.planning.recipe import Recipe
from tests.conftest import ROOT, compose


def model_of(work: Path, size: Size) -> Path:
    """Write a random model of that shape, with a tokenizer whose vocabulary is mostly unused; once."""
    directory = work / "random_model"
    if (directory / "config.json").exists():
        return directory
    small = train_tokenizer([f"What is {n} + {n}? It is {2 * n}." for n in range(500)], 300, "r1_zero")
    whole = json.loads(small.backend_tokenizer.to_str())
    unused = range(len(small), size.vocabulary)
    whole["model"]["vocab"] |= {f"<unused {number}>": number for number in unused}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(whole)), eos_token=END, pad_token=PAD, padding_side="left"
    )
    tokenizer.chat_template = TEMPLATES["r1_zero"]
    torch.manual_seed(0)
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    config = AutoConfig.for_model(**size.shape, vocab_size=size.vocabulary, **ids)
    save(AutoModelForCausalLM.from_config(config, dtype=torch.float32), tokenizer, directory)
    return directory


def device() -> Device:
    """This machine as the planner knows it; an unknown GPU is taken for the known one nearest in memory."""
    if not has_gpu():
        return DEVICES["cpu"]
    name, memory = torch.cuda.get_device_name(0).lower(), torch.cuda.get_device_properties(0).total_memory
    known = [one for key, one in DEVICES.items() if key != "cpu"]
    named = [one for key, one in DEVICES.items() if key in name]
    return named[0] if named else min(known, key=lambda one: abs(one.memory - memory))


def shape(work: Path, size: Size) -> str:
    """Run the profile's own zero; seconds by phase, MFU and peak memory beside the planner's figures."""
    model = model_of(work, size)
    bases = [f"{base}.checkpoint={model}" for base in ("base", "base_qwen", "base_llama")]
    overrides = [*size.shape_run, *bases, "offline=true", f"zero.max_steps={size.shape_steps}"]
    copy = Copy(work / "shape", overrides)
    copy.once("data/prompts", "prepare")
    copy.once("data/models/base", "base", "model=base")
    ran = copy.stage("zero", "rl.patience=1000")  # random rewards have no variance
    table, curve = copy.csv("data/plots/throughput/zero.csv"), copy.csv("data/plots/zero.csv")
    seconds = {phase: table[f"{phase}_seconds"].iloc[1:].mean() for phase in ("generate", "score", "train")}

    config = compose(*overrides)
    mean = curve["completions/mean_length"].mean()
    rollouts = config.zero.batch_size
    prompt = table["score_tokens"].mean() / rollouts - mean
    recipe = Recipe(config, mean / config.zero.max_completion_length, round(prompt))
    stage = next(stage for stage in recipe.stages() if stage.name == "zero")
    planned = plan([stage], Cluster(device(), 1, "ddp"))[0]
    needed = 6 * stage.shape.parameters * table["train_tokens"].iloc[1:].mean()
    return "\n".join(
        [
            f"{stage.shape.parameters / 1e6:,.1f}M parameters, {rollouts} rollouts of at most "
            f"{config.zero.max_completion_length} tokens, {mean:.0f} on average.\n",
            "| | measured | planned |\n|---|---|---|",
            f"| seconds per step | {sum(seconds.values()):.3g} | {planned.hours * 3600 / size.shape_steps:.3g} |",
            f"| peak memory, GB | {ran.peak / 1e9:.3g} | {planned.memory.total / 1e9:.3g} |",
            f"| MFU of training, against {device().name} | {needed / seconds['train'] / device().flops:.1%} | |",
            "",
            "| generate | score | train |\n|---|---|---|",
            f"| {phases(table)} |",
        ]
    )


def beside_trl(work: Path, size: Size) -> str:
    """Steps of stock TRL's GRPO trainer and of ours: same model, same rollouts, same batch, in turn.

    Rollouts are given, with log-normal lengths, so that both spend the same on generation: nothing.
    """
    model = model_of(work, size)
    lengths = _lengths(size)
    rows = []
    seconds: dict[str, float] = {}
    for name in ("stock", "ours"):
        command = [sys.executable, "-m", "bench.gpu.trainers", name, str(model), json.dumps(_sizes(size))]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}")
        measured = json.loads(done.stdout.splitlines()[-1])
        seconds[name] = float(np.mean(measured["seconds"][1:]))
        needed = 6 * measured["parameters"] * measured["tokens"] / seconds[name]
        rows.append(
            f"| {name} | {', '.join(f'{one:.2f}' for one in measured['seconds'])} | {seconds[name]:.2f} | "
            f"{needed / device().flops:.1%} | {measured['peak'] / 1e9:.1f} |"
        )
    return "\n".join(
        [
            f"{size.batch} rollouts a step in micro-batches of {size.micro_batch}; lengths log-normal, median "
            f"{size.median}, limit {size.limit}: mean {lengths.mean():.0f}, longest {lengths.max()}.\n",
            "| trainer | seconds of each step | mean without the first | MFU by tokens needed | peak memory, GB |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Ours takes {seconds['ours'] / seconds['stock']:.2f} of stock TRL's time.",
        ]
    )


def _lengths(size: Size) -> np.ndarray:
    drawn = np.random.default_rng(0).lognormal(np.log(size.median), size.sigma, size.batch)
    return np.clip(drawn, 2, size.limit).astype(int)


def _sizes(size: Size) -> dict[str, object]:
    return {
        "lengths": _lengths(size).tolist(),
        "micro_batch": size.micro_batch,
        "group": size.group,
        "limit": size.limit,
        "steps": size.trl_steps,
        "vocabulary": size.vocabulary,
    }
