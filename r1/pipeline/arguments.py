"""Command-line parsing that reports a mistake in one line, like any other user error."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

N = TypeVar("N", int, float)


class Parser(ArgumentParser):
    """An ArgumentParser that does not print its usage above an error, and takes `overrides` after options too."""

    def error(self, message: str) -> NoReturn:
        """Exit with one line and code 1."""
        raise SystemExit(f"error: {message}; see --help")

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Namespace | None = None
    ) -> Namespace:
        """See ArgumentParser, which takes `overrides` in one run only, and cannot intermix them with subcommands."""
        arguments, rest = self.parse_known_args(args, namespace)
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
