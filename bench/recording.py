"""What keeping every rollout costs: CPU seconds per step of R1-Zero on the default base, beside the step's own.

    python -m bench.recording [data [overrides]]     a data folder in which `base` has run; ten steps
    python -m bench.recording data zero.max_steps=2 zero.batch_size=16 zero.micro_batch_size=16     a toy

Seconds are of the process, so that other work on the machine does not count. The first step is left out.
Prints Markdown.
"""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from bench.step import PHASES, ours, prepared, run
from r1.rl.kept import Kept
from tests.conftest import compose

STEPS = 10
KEEPING = {"_keep": "describe", "_note": "note", "_write_drawn": "write"}
"""The methods that do nothing but keep rollouts, and what the table calls them."""


def main() -> None:
    """Train a few steps with the keeping timed, and print its share."""
    places, overrides = prepared(sys.argv[1:])
    overrides = [f"zero.max_steps={STEPS}", *overrides]
    spent: dict[str, list[float]] = {name: [] for name in KEEPING}
    with ExitStack() as patched:
        for name in KEEPING:
            patched.enter_context(patch.object(Kept, name, _timed(getattr(Kept, name), spent[name])))
        phases = run(ours, Path(places[0] if places else "data"), overrides)
    step = float(phases[[f"{phase}_seconds" for phase in PHASES]].sum(axis=1).mean())
    print("| CPU seconds per step | | share of the step |\n|---|---|---|")
    for name, what in KEEPING.items():
        own = sum(spent[name][1:]) / len(phases)
        print(f"| {what} | {own:.4f} | {own / step:.2%} |")
    own = sum(sum(seconds[1:]) for seconds in spent.values()) / len(phases)
    print(f"| all | {own:.4f} | {own / step:.2%} |\n| step | {step:.3f} | |")
    rollouts = compose(*overrides).zero.batch_size
    print(f"\n{rollouts} rollouts per step, {len(phases)} steps, {torch.get_num_threads()} threads.")


def _timed(method: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(self: Kept, *args: Any) -> Any:
        started = time.process_time()
        result = method(self, *args)
        spent.append(time.process_time() - started)
        return result

    return timed


if __name__ == "__main__":
    main()
