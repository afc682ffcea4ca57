"""GRPO steps of one trainer on given rollouts, in a process of its own; prints a line of JSON.

python -m bench.gpu.trainers stock|ours MODEL SIZES
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from r1.models.chat import as_messages
from r1.models.patches import hide_vllm_from_trl
from r1.models.policy import Policy
from r1.rl.settings import RlSettings
from r1.training.context import PLAIN, TrainingContext
from tests.conftest import compose


def _by_length(*, completions: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float | None]:
    return [float(len(row) % 7) for row in completion_ids]


def _given(lengths: list[int], vocabulary: int) -> list[list[int]]:
    """Completions of those lengths, of tokens that end nothing."""
    generator = np.random.default_rng(1)
    return [generator.integers(10, min(vocabulary, 290), length).tolist() for length in lengths]


def main(name: str, model: Path, sizes: dict[str, Any]) -> None:
    """Train, and print seconds of each step, tokens of a step, parameters, and peak memory in bytes."""
    hide_vllm_from_trl()
    import torch
    import trl

    lengths, micro, group, steps = sizes["lengths"], sizes["micro_batch"], sizes["group"], sizes["steps"]
    completions, gpu = _given(lengths, sizes["vocabulary"]), torch.cuda.is_available()
    position = 0

    def generate(self: Any, prompt_ids: list[Any], *_: Any, **__: Any) -> tuple[list[list[int]], None]:
        nonlocal position
        start, position = position, position + len(prompt_ids)
        return [completions[(start + index) % len(completions)] for index in range(len(prompt_ids))], None

    trl.GRPOTrainer._generate_single_turn = generate
    policy = Policy(model)
    training = PLAIN.model_copy(update={"mixed_precision": "bf16" if gpu else "none", "gradient_checkpointing": gpu})
    config = compose("profile=smoke")
    question = as_messages("What is 3 + 4 - 2?")
    prompts: list[dict[str, Any]] = [{"prompt": question, "task": "", "answer": "", "kind": ""}] * len(lengths)
    with tempfile.TemporaryDirectory() as temporary:
        context = TrainingContext(0, Path(temporary) / "curve.csv", Path(temporary) / "checkpoints", training)
        run = {"batch_size": len(lengths), "micro_batch_size": micro, "num_generations": group, "max_steps": steps}
        stage = config.zero.model_copy(
            update={**run, "max_completion_length": sizes["limit"], "rewards": {"by_length": 1.0}}
        )
        rl = config.rl.model_copy(update={"checkpoint_steps": steps, "max_kl": 1e9, "patience": 1000})
        train = _stock if name == "stock" else _ours
        seconds, parameters = train(policy, prompts, RlSettings(stage, rl), context)
    prompt = len(policy.prompt_ids([question])[0])
    peak = torch.cuda.max_memory_allocated() if gpu else _resident()
    tokens = sum(lengths) + prompt * len(lengths)
    print(json.dumps({"seconds": seconds, "tokens": tokens, "parameters": parameters, "peak": peak}))


def _ours(
    policy: Policy, prompts: list[Any], settings: RlSettings, context: TrainingContext
) -> tuple[list[float], int]:
    import pandas as pd

    from r1.rl.train import train_rl

    trained = train_rl(policy, prompts, settings, context, by_length=_by_length)
    table = pd.read_csv(context.curve.parent / "throughput" / context.curve.name)
    seconds = table[[f"{phase}_seconds" for phase in ("generate", "score", "train")]].sum(axis=1)
    return seconds.tolist(), trained.model.num_parameters()


def _stock(
    policy: Policy, prompts: list[Any], settings: RlSettings, context: TrainingContext
) -> tuple[list[float], int]:
    """TRL's own trainer as its documentation shows it, with the same loss, KL penalty and batch."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.at = [time.perf_counter()]

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.at.append(time.perf_counter())

    from r1.rl.arguments import algorithm_arguments
    from r1.training.arguments import batch_arguments, device_arguments

    split = batch_arguments(settings.stage)
    rounds = {"steps_per_generation": split["gradient_accumulation_steps"] * settings.algorithm.num_mini_batches}
    trainer = GRPOTrainer(
        model=policy.load(),
        reward_funcs=[_by_length],
        args=GRPOConfig(
            **device_arguments(context),
            # Our own arguments hand TRL a whole optimizer step at a time, which our trainer cuts.
            **{**algorithm_arguments(settings), **split, **rounds, "sync_ref_model": False},
            output_dir=str(context.checkpoints),
            save_strategy="no",
        ),
        train_dataset=Dataset.from_list(prompts * settings.stage.max_steps),
        processing_class=policy.tokenizer,
    )
    clock = Clock()
    trainer.add_callback(clock)
    clock.at = [time.perf_counter()]
    trainer.train()
    return np.diff(clock.at).tolist(), trainer.model.num_parameters()


def _resident() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]))
