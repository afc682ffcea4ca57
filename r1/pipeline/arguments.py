"""Command-line parsing that reports a mistake in one line, like any other user error."""

from argparse import ArgumentParser
from typing import NoReturn


class Parser(ArgumentParser):
    """An ArgumentParser that does not print its usage above an error."""

    def error(self, message: str) -> NoReturn:
        """Exit with one line and code 1."""
        raise SystemExit(f"error: {message}; see --help")
