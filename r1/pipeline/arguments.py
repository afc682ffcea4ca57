"""Command-line parsing that reports a mistake in one line, like any other user error."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from typing import NoReturn, TypeVar

N = TypeVar("N", int, float)


class Parser(ArgumentParser):
    """An ArgumentParser that does not print its usage above an error."""

    def error(self, message: str) -> NoReturn:
        """Exit with one line and code 1."""
        raise SystemExit(f"error: {message}; see --help")

    def parse_args_intermixed(self) -> Namespace:
        """Parse the command line of a command that may have `overrides`, which may also stand after options.

        argparse fills `overrides` with those before the first option only, and cannot intermix with subcommands.
        """
        arguments, rest = self.parse_known_args()
        unknown = [word for word in rest if word.startswith("-") or not hasattr(arguments, "overrides")]
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        if rest:
            arguments.overrides = [*arguments.overrides, *rest]
        return arguments


def number(kind: type[N], allowed: str, holds: Callable[[N], bool]) -> Callable[[str], N]:
    """A `type` for an argument that is a number; a mistake names the value and what is allowed.

    Args:
        kind: int or float.
        allowed: in words.
        holds: whether a number is allowed.
    """

    def parse(text: str) -> N:
        try:
            value = kind(text)
            if holds(value):
                return value
        except ValueError:
            pass
        raise ArgumentTypeError(f"{text!r}: must be {allowed}")

    return parse
