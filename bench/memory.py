"""Measured peak memory of training steps, compared with what `python -m r1 plan` predicts.

    python -m bench.memory            all cases, each in its own process; writes bench/results/memory.{json,md}
    python -m bench.memory CASE       one case in this process; prints a line of JSON
    python -m bench.memory table      rewrites memory.md from memory.json and the planner's current predictions

Each process first trains a tiny model the same way, so that the libraries' own allocations are excluded. The peak is
that of the resident set (VmHWM) minus what was resident at the start. glibc is set to return freed blocks of 64 KiB
and more at once, so that the peak contains no freed memory.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parent.parent
MEASURED = ROOT / "bench" / "results" / "memory.json"
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
STEPS = 3
VOCABULARY = 4096
BATCH, LENGTH = 8, 128
"""Sequences and tokens of a micro-batch."""
PROMPT, COMPLETION = 96, 32
"""RL's prompt and completion lengths; memory depends on their sum, time on the tokens sampled."""
SMALL, WIDE = (512, 8), (1024, 4)
"""Hidden size and layers."""

CASES: Mapping[str, tuple[str, tuple[int, int], dict[str, Any]]] = {
    "sft": ("sft", SMALL, {}),
    "sft, two micro-batches": ("sft", SMALL, {"accumulation": 2}),
    "sft, wide": ("sft", WIDE, {}),
    "sft, checkpointing": ("sft", SMALL, {"gradient_checkpointing": True}),
    "sft, bf16": ("sft", SMALL, {"mixed_precision": "bf16"}),
    "sft, bf16, checkpointing": ("sft", SMALL, {"mixed_precision": "bf16", "gradient_checkpointing": True}),
    "sft, LoRA": ("sft", SMALL, {"lora": True}),
    "sft, LoRA, bf16, checkpointing": (
        *("sft", SMALL),
        {"lora": True, "mixed_precision": "bf16", "gradient_checkpointing": True},
    ),
    "sft, wide, LoRA, checkpointing": ("sft", WIDE, {"lora": True, "gradient_checkpointing": True}),
    "grpo": ("grpo", SMALL, {}),
    "grpo, wide": ("grpo", WIDE, {}),
    "grpo, checkpointing": ("grpo", SMALL, {"gradient_checkpointing": True}),
    "grpo, bf16, checkpointing": ("grpo", SMALL, {"mixed_precision": "bf16", "gradient_checkpointing": True}),
    "grpo, LoRA": ("grpo", SMALL, {"lora": True}),
    "pretraining": ("pretraining", SMALL, {}),
}


def architecture(sizes: tuple[int, int]) -> dict[str, Any]:
    """Architecture of a model with that hidden size and number of layers, with transformers' names."""
    hidden, layers = sizes
    return {
        "model_type": "qwen3",
        "hidden_size": hidden,
        "intermediate_size": 3 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 64,
        "num_key_value_heads": hidden // 128 or 1,
        "head_dim": 64,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "vocab_size": VOCABULARY,
    }


def options(changes: Mapping[str, Any]) -> Any:
    """Training options with these changes."""
    from r1.config.training import LoraConfig
    from r1.training.context import PLAIN

    kept = {key: value for key, value in changes.items() if key != "accumulation"}
    if kept.get("lora"):
        kept["lora"] = LoraConfig(r=32, alpha=32, dropout=0.0, target_modules="all-linear")
    return PLAIN.model_copy(update=kept)


def train(kind: str, sizes: tuple[int, int], changes: Mapping[str, Any], folder: Path) -> None:
    """Train some steps with the project's own functions on text of the required length."""
    from r1.config.models import DenseArchitectureConfig
    from r1.finetuning.pretrain import pretrain
    from r1.finetuning.sft import finetune
    from r1.models.chat import as_messages
    from r1.models.loading import save
    from r1.models.policy import Policy, Untrained
    from r1.models.tokenizer import train_tokenizer
    from r1.rl.settings import RlSettings
    from r1.rl.train import train_rl
    from r1.training.context import TrainingContext
    from tests.conftest import compose

    config, accumulation = compose("profile=smoke"), changes.get("accumulation", 1)
    tokenizer = train_tokenizer([f"What is {n} + {n}? It is {2 * n}." for n in range(500)], 300, "chat")
    tokenizer.add_tokens([f"<unused {n}>" for n in range(len(tokenizer), VOCABULARY)])
    chosen = {key: value for key, value in architecture(sizes).items() if key != "vocab_size"}
    untrained = Untrained(DenseArchitectureConfig.model_validate(chosen), tokenizer, seed=0)
    context = TrainingContext(0, folder / "curve.csv", folder / "checkpoints", options(changes))
    batch = {"batch_size": BATCH * accumulation, "micro_batch_size": BATCH, "checkpoint_steps": 100}
    rows = STEPS * BATCH * accumulation
    if kind == "pretraining":
        settings = config.base.pretraining
        assert settings is not None
        few = settings.model_copy(update={**batch, "max_steps": STEPS, "max_length": LENGTH})
        pretrain(untrained, ["What is 1 + 1?"] * 100, few, context)
        return
    save(untrained.load(), tokenizer, folder / "model")
    policy = Policy(folder / "model")

    def words(tokens: int) -> str:
        text = " 7" * tokens
        while len(tokenizer(text)["input_ids"]) > tokens:
            text = text[:-2]
        return text

    if kind == "sft":
        example = {"prompt": words(LENGTH // 5), "completion": words(LENGTH - 2 * (LENGTH // 5))}
        conversation = as_messages(example["prompt"], example["completion"])
        rendered: Any = tokenizer.apply_chat_template([conversation], tokenize=True, return_dict=True)
        length = len(rendered["input_ids"][0])
        assert abs(length - LENGTH) < 0.1 * LENGTH, length
        few_sft = config.sft.model_copy(update={**batch, "epochs": 1, "max_length": LENGTH, "chat_template": None})
        finetune(policy, [example] * rows, few_sft, context)
        return
    prompts = [{"prompt": as_messages(words(PROMPT - 10)), "task": "", "answer": "", "kind": ""}] * (rows // 4)
    few_rl = {"max_steps": 2, "num_generations": 4, "max_completion_length": COMPLETION, "rewards": {"by_length": 1.0}}
    stage = config.zero.model_copy(update={**batch, **few_rl})
    algorithm = config.rl.algorithm.model_copy(update={"ref_model_sync_steps": 100})
    rl = config.rl.model_copy(update={"algorithm": algorithm, "max_kl": 1e9, "max_entropy": 1e9, "max_truncated": 1.0})

    def by_length(*, completions: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float | None]:
        return [float(sum(row)) for row in completion_ids]

    train_rl(policy, prompts, RlSettings(stage, rl), context, by_length=by_length)


def resident(key: str) -> int:
    """Read VmRSS or VmHWM in bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[key].split()[0]) * 1024


def measure(name: str) -> None:
    """Measure one case in this process."""
    kind, sizes, changes = CASES[name]
    with TemporaryDirectory() as folder:
        train(kind, (64, 2), changes, Path(folder))
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        train(kind, sizes, changes, Path(folder))
    print(json.dumps({"bytes": resident("VmHWM") - before, "seconds": time.perf_counter() - started}))


def planned(name: str) -> float:
    """Bytes that the planner predicts for a case."""
    from r1.planning.memory import cache_bytes, compute_bytes, training_memory
    from r1.planning.shapes import read_shape

    kind, sizes, changes = CASES[name]
    shape, chosen = read_shape(architecture(sizes)), options(changes)
    memory = training_memory(
        shape,
        chosen,
        1,
        BATCH,
        LENGTH,
        accumulates=changes.get("accumulation", 1) > 1,
        on_cpu=True,
        fused_head=kind != "pretraining",
        references=int(kind == "grpo"),
    )
    cached = cache_bytes(shape, compute_bytes(chosen), BATCH, LENGTH) if kind == "grpo" else 0.0
    return replace(memory, cache=cached).total


def table() -> None:
    """Write bench/results/memory.md."""
    measured = json.loads(MEASURED.read_text())
    lines = [
        "# `python -m bench.memory`\n",
        f"Peak resident memory of {STEPS} steps (RL: 2) with {BATCH} sequences of {LENGTH} tokens, minus the start's;",
        "one thread of an AMD AVX2 core, torch 2.13, one run per case. Random qwen3 models, vocabulary 4,096, hidden",
        "size 512 with 8 layers (27M weights), or wide: 1,024 with 4 (55M).\n",
        "| case | measured MB | planned MB | error |\n|---|---|---|---|",
    ]
    for name, peak in measured.items():
        plan = planned(name)
        lines.append(f"| {name} | {peak / 1e6:,.0f} | {plan / 1e6:,.0f} | {plan / peak - 1:+.0%} |")
    MEASURED.with_suffix(".md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Measure all cases."""
    measured = {}
    for name in CASES:
        command = [sys.executable, "-m", "bench.memory", name]
        ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **GIVE_BACK}, stdout=subprocess.PIPE, check=True)
        measured[name] = json.loads(ran.stdout.splitlines()[-1])["bytes"]
        MEASURED.write_text(json.dumps(measured, indent=2) + "\n")
    table()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "table":
        table()
    else:
        measure(sys.argv[1])
