"""Read a data set's rows from a file, a directory in the published layout, or the hub.

From the hub, only the files that `data_files` names are downloaded, into the hub's own cache, and then read like a
directory's: only parquet and JSON, so that a data set cannot run code or a pickle.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

from r1.config.data import PublishedConfig
from r1.data.files import BadFile, Columns, FileReason, Row, scan_rows
from r1.support.artifacts import content_hash
from r1.support.errors import UserError
from r1.support.progress import track

SourceReason = FileReason | Literal["not_taken"]


def rows(key: str, source: PublishedConfig, columns: Columns) -> Iterator[Row | SourceReason]:
    """The required columns of every row that `where` selects; "not_taken" for others, or why a row cannot be read.

    Args:
        key: configuration key for messages, such as prepare.data_sets.gsm8k.
        source: where the rows are.
        columns: required columns.

    Raises:
        UserError: if a file is missing or cannot be used; names the key and the file.
    """
    where = source.where or {}
    needed: Columns = {**{column: () for column in where}, **columns}
    for label, path in locate(key, source).items():
        try:
            for row in track(scan_rows(path, needed), f"{key.removeprefix('prepare.')} ({path.name})", "row"):
                taken = isinstance(row, str) or all(row[column] in values for column, values in where.items())
                yield row if taken else "not_taken"
        except BadFile as error:
            raise UserError(f"{key}: {label} {error}") from error


def hashes(key: str, source: PublishedConfig) -> dict[str, str]:
    """SHA-256 of each file by name, for manifests; names of hub files include the commit."""
    return {label: content_hash(path) for label, path in locate(key, source).items()}


def locate(key: str, source: PublishedConfig) -> dict[str, Path]:
    """The files to read, by their name in messages and manifests.

    Raises:
        UserError: if a pattern matches no file, or the download fails.
    """
    local = Path(source.path).expanduser()
    if source.is_file:
        return {source.path: local}
    patterns = source.data_files or ()
    label = source.path.rstrip("/")
    if not local.is_dir():
        local = _download(key, source.path, source.revision, patterns)
        label += f"@{local.name}"  # the commit
    found: dict[str, Path] = {}
    for pattern in patterns:
        matches = sorted(path for path in local.glob(pattern) if path.is_file())
        if not matches:
            raise UserError(f"{key}.data_files: {label} has no file {pattern}")
        found |= {f"{label}/{path.relative_to(local).as_posix()}": path for path in matches}
    return found


@cache
def _download(key: str, path: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(path, repo_type="dataset", revision=revision, allow_patterns=list(patterns))
    except Exception as error:  # from the hub, the network or the disk, in as many types as libraries below
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"{key}.path = {path!r}: cannot be downloaded from the hub ({said})") from error
    return Path(folder)
