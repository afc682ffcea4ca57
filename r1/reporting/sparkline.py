"""A learning curve on the terminal: a line of blocks per logged column, from the first step to the last."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd
from rich.table import Table

from r1.reporting.terminal import empty_table, safe

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 40
"""Blocks per line at most, and so steps without averaging."""
_REWARD = re.compile(r"rewards/(?P<name>.+)/mean")


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Blocks from the lowest mean to the highest; the means are of consecutive values, of equal shares of them.

    Args:
        values: [steps], finite.
        width: blocks at most.

    >>> sparkline([0, 1, 2, 3])
    '▁▃▆█'
    """
    means = _means(values, width)
    low, spread = min(means), max(means) - min(means)
    return "".join(_BLOCKS[round((mean - low) / spread * (len(_BLOCKS) - 1)) if spread else 0] for mean in means)


def curve_table(path: Path) -> Table | None:
    """The curve of a run: column, sparkline, and means of its first and last tenth; None if nothing is logged.

    Args:
        path: CSV with a row per step.
    """
    frame = pd.read_csv(path)
    table = empty_table((f"{len(frame)} steps", "curve"), ("first", "last"))
    for column, name in _shown([str(column) for column in frame]).items():
        values = [value for value in frame[column].tolist() if math.isfinite(value)]
        if values:
            tenth = math.ceil(len(values) / 10)
            ends = (sum(part) / tenth for part in (values[:tenth], values[-tenth:]))
            table.add_row(name, safe(sparkline(values)), *(f"{end:.3g}" for end in ends))
    return table if table.rows else None


def _shown(columns: Sequence[str]) -> dict[str, str]:
    """Logged columns to show, and their names: the loss, or, since that of RL is about 0 by construction, rewards."""
    if "reward" not in columns:
        return {column: column for column in columns if column == "loss"}
    rewards = {found[0]: found["name"].removesuffix("_reward") for found in map(_REWARD.fullmatch, columns) if found}
    length = "completions/mean_length"
    return {"reward": "reward", **rewards} | ({length: "tokens"} if length in columns else {})


def _means(values: Sequence[float], width: int) -> list[float]:
    count = min(width, len(values))
    bounds = [len(values) * number // count for number in range(count + 1)]
    return [sum(values[start:end]) / (end - start) for start, end in pairwise(bounds)]
