"""Errors that a user can act on: shown as one message, without a stack trace."""

import errno
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from r1.support.processes import is_main
from r1.support.text import printable

_FULL = 64 * 1024
"""Bytes free on a disk that a writer just filled: file systems keep back a block or so."""
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_WAIT = 10
"""Seconds for which the main process may still come to the same error, and say it."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class UserError(Exception):
    """Base of errors whose message says what is wrong and what to do."""


class ConfigurationError(UserError):
    """Values of the configuration are unknown or impossible; a line each that names the key and what is allowed."""

    def __init__(self, *lines: str) -> None:
        super().__init__(f"configuration: {lines[0]}" if len(lines) == 1 else "\n  ".join(("configuration", *lines)))


class DiskFull(UserError):
    """What was being written did not fit."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(f"no space left for {path}: nothing half-written is kept; free some, then run `dvc repro`")


@contextmanager
def room_on(directory: Path) -> Iterator[None]:
    """Say that the disk is full where a library that wrote to the directory says something else.

    Raises:
        DiskFull: if the block failed and its disk is full.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, UserError) and shutil.disk_usage(directory).free < _FULL:
            raise DiskFull(directory) from error
        raise


@contextmanager
def reported() -> Iterator[None]:
    """End the program with a message instead of a stack trace, where the user can do something about it.

    Messages may quote what others wrote, whose control characters must not reach the terminal.
    Of several processes most often all fail alike: the main one says why, and the launcher ends the others.
    """
    try:
        yield
    except UserError as error:
        if not is_main():
            time.sleep(_WAIT)
        raise SystemExit(printable(f"error: {error}")) from None
    except KeyboardInterrupt:
        message = "interrupted: nothing half-written is left, `dvc repro` goes on from here"
        raise SystemExit(message if is_main() else 1) from None
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise SystemExit(f"error: {DiskFull(error.filename or 'the output')}") from None
        if error.errno in _REFUSED and error.filename:
            raise SystemExit(
                f"error: {error.filename} cannot be used ({error.strerror}): mend that, then run `dvc repro`"
            ) from None
        raise
