"""Errors that a user can fix, shown as one message without a stack trace."""

import errno
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from r1.support.processes import is_main
from r1.support.text import printable

_FULL = 64 * 1024
"""A disk with fewer free bytes counts as full: file systems keep a few blocks back."""
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_WAIT = 10
"""Seconds to wait for the main process to reach and report the same error."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class UserError(Exception):
    """Base class of errors whose message says what is wrong and how to fix it."""


class ConfigurationError(UserError):
    """Configuration values are unknown or invalid; one line per mistake, with its key and what is allowed."""

    def __init__(self, *lines: str) -> None:
        super().__init__(f"configuration: {lines[0]}" if len(lines) == 1 else "\n  ".join(("configuration", *lines)))


class DiskFull(UserError):
    """The disk is full."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(f"no space left for {path}: nothing half-written is kept; free space, then run `dvc repro`")


@contextmanager
def room_on(directory: Path) -> Iterator[None]:
    """Turn any library's error into DiskFull if the directory's disk is full.

    Raises:
        DiskFull: if the block failed and the disk is full.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, UserError) and shutil.disk_usage(directory).free < _FULL:
            raise DiskFull(directory) from error
        raise


@contextmanager
def reported() -> Iterator[None]:
    """Exit with a message instead of a stack trace if the user can fix the error.

    Messages may quote untrusted text, whose control characters must not reach the terminal.
    Distributed processes usually all fail with the same error: the main one reports it, and the launcher ends the rest.
    """
    try:
        yield
    except UserError as error:
        if not is_main():
            time.sleep(_WAIT)
        raise SystemExit(printable(f"error: {error}")) from None
    except KeyboardInterrupt:
        message = "interrupted: nothing half-written is left, `dvc repro` resumes from here"
        raise SystemExit(message if is_main() else 1) from None
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise SystemExit(f"error: {DiskFull(error.filename or 'the output')}") from None
        if error.errno in _REFUSED and error.filename:
            raise SystemExit(
                f"error: {error.filename} cannot be used ({error.strerror}): fix that, then run `dvc repro`"
            ) from None
        raise
