"""Reading and writing of parquet data: the same bytes for the same rows."""

from pathlib import Path
from typing import Any

import pandas as pd

from r1.support.artifacts import BrokenArtifact
from r1.support.errors import UserError


class NoRows(UserError):
    """There is a file, and nothing in it."""


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as parquet that datasets, pandas and DuckDB open."""
    pd.DataFrame(rows).to_parquet(path, index=False)


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """Rows of a parquet file.

    Raises:
        BrokenArtifact: if the file is missing or no parquet.
        NoRows: if it has none; whatever reads one cannot do without.
    """
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BrokenArtifact(f"{path} cannot be read ({error}): run `dvc repro` to make it") from error
    if frame.empty:
        raise NoRows(f"{path} has no rows: the stage that makes it was asked for none, see its numbers in params.yaml")
    return as_rows(frame)


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as a list of rows."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
