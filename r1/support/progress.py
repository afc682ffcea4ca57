"""Progress of long work: a bar on a terminal, a line now and then in a log."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, unit: str) -> Iterator[Item]:
    """Iterate with count, throughput and remaining time on standard error."""
    terminal = sys.stderr.isatty()
    yield from tqdm(
        items,
        desc=description,
        unit=unit,
        mininterval=0.2 if terminal else 15,
        bar_format=None if terminal else "{desc}: {n_fmt}/{total_fmt}, {rate_fmt}, {remaining} left\n",
    )
