"""Progress of long operations: a bar on a terminal, periodic lines in a log."""

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)
Item = TypeVar("Item")
_EVERY = 15
"""Seconds between two log lines."""


class _Logged(tqdm):
    """A progress bar that logs its states as lines."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Log one line, but not the initial state."""
        if self.n:
            log.info(msg or str(self))

    def close(self) -> None:
        """Close as tqdm does, but without ending the bar's line."""
        self.leave = False
        done, self.disable = self.disable, True
        if not done and self.n:
            self.display()


def bar(*arguments: Any, **options: Any) -> "tqdm[Any]":
    """A tqdm bar on a terminal, log lines otherwise. Arguments are tqdm's."""
    if sys.stderr.isatty():
        return tqdm(*arguments, **{"mininterval": 0.2, **options})
    shown = "{desc}: {n_fmt}/{total_fmt}, {rate_fmt}, {remaining} left{postfix}"
    return _Logged(*arguments, **{**options, "mininterval": _EVERY, "bar_format": shown})


def track(items: Iterable[Item], description: str, unit: str) -> Iterator[Item]:
    """Iterate, showing count, throughput and remaining time."""
    yield from bar(items, desc=description, unit=unit)
