"""Files read once per change: a request costs a `stat`, not a parse."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Version = tuple[int, int, int]


def version(file: Path) -> Version | None:
    """What changes with every write of a file; None if there is no such file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Cache(Generic[T]):
    """Results of reading files, kept until a file changes; the least recently used ones are dropped."""

    def __init__(self, size: int) -> None:
        """Args: number of results to keep."""
        self._size, self._lock = size, threading.Lock()
        self._kept: OrderedDict[object, tuple[Version, T]] = OrderedDict()

    def get(self, file: Path, read: Callable[[], T], part: object = None) -> T | None:
        """Return what `read` returned for this state of the file.

        Args:
            file: decides when to read again.
            read: reads it; whatever it raises is passed on, unless the file has vanished.
            part: of the file, if `read` reads a part of it.

        Returns:
            None if there is no such file.
        """
        with self._lock:  # several pages ask for the same: the second waits rather than reads too
            now = version(file)
            if now is None:
                return None
            kept = self._kept.get((file, part))
            if kept is None or kept[0] != now:
                try:
                    kept = (now, read())
                except FileNotFoundError:
                    return None
                self._kept[file, part] = kept
            self._kept.move_to_end((file, part))
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
            return kept[1]
