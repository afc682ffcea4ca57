"""Reading and writing parquet; the same rows give the same bytes."""

from pathlib import Path
from typing import Any

import pandas as pd

from r1.support.artifacts import BrokenArtifact
from r1.support.errors import UserError


class NoRows(UserError):
    """There are no rows where at least one is needed."""


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as a parquet file that datasets, pandas and DuckDB can read."""
    pd.DataFrame(rows).to_parquet(path, index=False)


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """Read the rows of a parquet file.

    Raises:
        BrokenArtifact: if the file is missing or not valid parquet.
        NoRows: if it has no rows; every reader needs some.
    """
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BrokenArtifact(f"{path} cannot be read ({error}): run `dvc repro` to create it") from error
    if frame.empty:
        raise NoRows(f"{path} has no rows: params.yaml requests none from the stage that writes it")
    return as_rows(frame)


def as_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Convert a table to a list of rows."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
