"""Errors that a user can act on: shown as one message, without a stack trace."""

from collections.abc import Iterator
from contextlib import contextmanager

from r1.text import printable


class UserError(Exception):
    """Base of errors whose message says what is wrong and what to do."""


class ConfigurationError(UserError):
    """Values of the configuration are unknown or impossible; a line each that names the key and what is allowed."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n  ".join(("configuration", *lines)))


@contextmanager
def reported() -> Iterator[None]:
    """End the program with a UserError's message instead of a stack trace; it may quote what others wrote."""
    try:
        yield
    except UserError as error:
        raise SystemExit(printable(f"error: {error}")) from None
