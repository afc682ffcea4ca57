"""Command lines: a mistake in one is one line, like any other mistake of a user."""

from argparse import ArgumentParser
from typing import NoReturn


class Parser(ArgumentParser):
    """argparse's, which would print its usage above the mistake and exit with 2."""

    def error(self, message: str) -> NoReturn:
        """End the program with one line and exit code 1."""
        raise SystemExit(f"error: {message}; see --help")
