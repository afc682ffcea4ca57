"""Planned seconds checked against a miniature run's, at one compute rate for the machine."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from r1.recipe import runs

RATE = 70e9
"""FLOP/s of two cores, for matrix products of the miniature's size."""
RATE_SOURCE = "measured with matrix products of the miniature's size on its two cores"

_TRAINED = runs("pretrain", "sft")


@dataclass(frozen=True)
class Timing:
    """Seconds of a stage or one of its phases: measured, and planned from its FLOPs at `RATE`."""

    stage: str
    phase: str
    measured: float
    planned: float

    @property
    def ratio(self) -> float:
        """Planned divided by measured."""
        return self.planned / self.measured


def timings(root: Path) -> Iterator[Timing]:
    """Timings of each training, for RL also by phase; tokens and FLOPs are the run's own, only the rate is assumed.

    RL here is strictly on-policy, so each token is sampled (2 FLOPs per parameter), scored by the reference (2) and
    trained on (6).
    """
    for name in (*_TRAINED, *runs("rl")):
        counted = json.loads((root / f"data/metrics/{name}.json").read_text())
        clock = json.loads((root / f"data/metrics/throughput/{name}.json").read_text())
        if name in _TRAINED:
            yield Timing(name, "train", clock["seconds"], counted["flops"] / RATE)
            continue
        yield Timing(name, "all", clock["seconds"], counted["flops"] / RATE)
        for phase, share in (("generate", 2), ("score", 2), ("train", 6)):
            seconds = clock["phases"][phase]["seconds_per_step"] * counted["steps"]
            yield Timing(name, phase, seconds, counted["flops"] * share / 10 / RATE)
