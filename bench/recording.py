"""What keeping every rollout costs: CPU seconds per step of R1-Zero on the default base, beside the step's own.

    python -m bench.recording [data [overrides]]     a data folder in which `base` has run; ten steps
    python -m bench.recording data zero.max_steps=2 zero.batch_size=16     a toy

Seconds are of the process, so that other work on the machine does not count. The first step is left out.
Prints Markdown.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pandas as pd
import torch

from r1.models.patches import hide_vllm_from_trl
from r1.models.policy import Policy
from r1.rl.kept import Kept
from r1.rl.settings import RlSettings
from r1.rl.train import train_on_rules
from r1.support.tables import read_rows
from r1.training.context import TrainingContext
from tests.conftest import compose

STEPS = 10
KEEPING = {"_keep": "describe", "_note": "note", "_write_drawn": "write"}
"""The methods that do nothing but keep rollouts, and what the table calls them."""


def main() -> None:
    """Train a few steps with the keeping timed, and print its share."""
    given = sys.argv[1:]
    overrides = [argument for argument in given if "=" in argument]
    data = Path(next((argument for argument in given if "=" not in argument), "data"))
    hide_vllm_from_trl()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    config = compose(f"zero.max_steps={STEPS}", *overrides)
    policy, prompts = Policy(data / "models" / "base"), read_rows(data / "prompts" / "rl.parquet")
    spent: dict[str, list[float]] = {name: [] for name in KEEPING}
    with TemporaryDirectory() as folder, patch("time.perf_counter", time.process_time):
        context = TrainingContext(config.seed, Path(folder) / "curve.csv", Path(folder) / "checkpoints")
        with ExitStack() as patched:
            for name in KEEPING:
                patched.enter_context(patch.object(Kept, name, _timed(getattr(Kept, name), spent[name])))
            train_on_rules(policy, prompts, RlSettings(config.zero, config.rl), context)
        phases = pd.read_csv(context.curve.parent / "throughput" / context.curve.name).iloc[1:]
        step = float(phases.filter(like="_seconds").sum(axis=1).mean())
    print("| CPU seconds per step | | share of the step |\n|---|---|---|")
    for name, what in KEEPING.items():
        own = sum(spent[name][1:]) / len(phases)
        print(f"| {what} | {own:.4f} | {own / step:.2%} |")
    own = sum(sum(seconds[1:]) for seconds in spent.values()) / len(phases)
    print(f"| all | {own:.4f} | {own / step:.2%} |\n| step | {step:.3f} | |")
    print(f"\n{config.zero.batch_size} rollouts per step, {len(phases)} steps, {torch.get_num_threads()} threads.")


def _timed(method: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(self: Kept, *args: Any) -> Any:
        started = time.process_time()
        result = method(self, *args)
        spent.append(time.process_time() - started)
        return result

    return timed


if __name__ == "__main__":
    main()
