"""A GRPO step of ours beside stock TRL's: same base, prompts, rewards, batch and lengths, in turn in one process.

    python -m bench.step [data [pairs]]          a data folder in which `base` has run; 3 runs each way
    python -m bench.step data 1 zero.max_steps=2 zero.batch_size=16 zero.micro_batch_size=16     a toy

Stock is TRL's GRPOTrainer on the whole step as one batch, as its documentation shows it, with our settings for the
algorithm. A run is of five steps from the same seed; the first is left out. Seconds are of the process, so that other
work on the machine does not count. Rollouts are sampled, so lengths differ a little: rates are beside the seconds.
Prints Markdown.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch

from r1.models.chat import as_messages
from r1.models.patches import hide_vllm_from_trl
from r1.models.policy import Policy
from r1.rl.settings import RlSettings
from r1.support.tables import read_rows
from r1.training.context import TrainingContext
from tests.conftest import compose

STEPS = 5
PHASES = ("generate", "score", "train")
Way = Callable[[Policy, list[dict[str, Any]], RlSettings, TrainingContext], pd.DataFrame]
"""Trains, and returns a row per step: `<phase>_seconds`, `generate_tokens`."""


def ours(policy: Policy, prompts: list[dict[str, Any]], settings: RlSettings, context: TrainingContext) -> pd.DataFrame:
    """R1-Zero's RL as the stage runs it."""
    from r1.rl.train import train_on_rules

    train_on_rules(policy, prompts, settings, context)
    return pd.read_csv(context.curve.parent / "throughput" / context.curve.name)


def stock(
    policy: Policy, prompts: list[dict[str, Any]], settings: RlSettings, context: TrainingContext
) -> pd.DataFrame:
    """TRL's own trainer; it generates, scores and trains at the same places as ours."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    from r1.rewards import build_rewards
    from r1.rl.arguments import algorithm_arguments
    from r1.training.arguments import device_arguments

    rows: list[dict[str, float]] = []
    spent = dict.fromkeys(("generate", "prepare", "tokens"), 0.0)

    class Timed(GRPOTrainer):  # type: ignore[misc]
        def _generate(self, *args: Any) -> Any:
            started = time.perf_counter()
            generated = super()._generate(*args)
            spent["generate"] += time.perf_counter() - started
            spent["tokens"] += sum(map(len, generated[1]))
            return generated

        def _prepare_inputs(self, *args: Any) -> Any:
            started = time.perf_counter()
            inputs = super()._prepare_inputs(*args)
            spent["prepare"] += time.perf_counter() - started
            return inputs

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.at = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            now = time.perf_counter()
            seconds = {
                "generate_seconds": spent["generate"],
                "score_seconds": spent["prepare"] - spent["generate"],
                "train_seconds": now - self.at - spent["prepare"],
            }
            rows.append({**seconds, "generate_tokens": spent["tokens"]})
            self.at = now
            spent.update(dict.fromkeys(spent, 0.0))

    stage = settings.stage
    asked = prompts[: settings.rollout_budget // stage.num_generations]
    functions, weights = build_rewards(
        settings.reward_weights, settings.shared.reward_options, stage.max_completion_length
    )
    Timed(
        model=policy.load(),
        reward_funcs=functions,
        args=GRPOConfig(
            **device_arguments(context),
            **{**algorithm_arguments(settings), "sync_ref_model": False},
            reward_weights=weights,
            output_dir=str(context.checkpoints),
            save_strategy="no",
        ),
        train_dataset=Dataset.from_list([row | {"prompt": as_messages(row["prompt"])} for row in asked]),
        processing_class=policy.tokenizer,
        callbacks=[Clock()],
    ).train()
    return pd.DataFrame(rows)


def prepared(given: list[str]) -> tuple[list[str], list[str]]:
    """Make this process ready to train; return what stands on the command line, and its overrides."""
    hide_vllm_from_trl()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    return [one for one in given if "=" not in one], [one for one in given if "=" in one]


def run(way: Way, data: Path, overrides: list[str]) -> pd.DataFrame:
    """One run of a way, without its first step."""
    config = compose(f"zero.max_steps={STEPS}", *overrides)
    policy, prompts = Policy(data / "models" / "base"), read_rows(data / "prompts" / "rl.parquet")
    with TemporaryDirectory() as folder, patch("time.perf_counter", time.process_time):
        context = TrainingContext(config.seed, Path(folder) / "curve.csv", Path(folder) / "checkpoints")
        return way(policy, prompts, RlSettings(config.zero, config.rl), context).iloc[1:]


def main() -> None:
    """Time both ways in turn, and print seconds and rates."""
    places, overrides = prepared(sys.argv[1:])
    data, pairs = Path(places[0] if places else "data"), int(places[1] if len(places) > 1 else 3)
    runs: dict[str, list[pd.DataFrame]] = {"stock": [], "ours": []}
    for number in range(pairs):
        for name, way in (("stock", stock), ("ours", ours))[:: -1 if number % 2 else 1]:
            runs[name].append(run(way, data, overrides))
    means = {name: pd.concat(tables).mean() for name, tables in runs.items()}
    print("| CPU seconds per step | stock TRL | ours | ratio |\n|---|---|---|---|")
    for phase in (*PHASES, "step"):
        columns = [f"{one}_seconds" for one in (PHASES if phase == "step" else (phase,))]
        before, after = (float(means[name][columns].sum()) for name in ("stock", "ours"))
        print(f"| {phase} | {before:.3f} | {after:.3f} | {after / before:.2f} |")
    before, after = (float(means[name]["generate_tokens"]) for name in ("stock", "ours"))
    print(f"| completion tokens | {before:,.0f} | {after:,.0f} | {after / before:.2f} |")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{torch.get_num_threads()} threads, load average {load} at the end, {pairs} runs each way.")


if __name__ == "__main__":
    main()
