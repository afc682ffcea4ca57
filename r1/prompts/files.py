"""Files of problems, read so that no file and no row can bring the program down: JSON Lines and parquet.

Instance of a line: {"prompt": "What is 3 + 4?", "answer": "7"}. A file that cannot be used
is refused in a sentence; a row that cannot be read is given back as its reason.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.parquet as pq

MAX_LINE_BYTES = 4_000_000
"""Of a JSON line: many times a problem with several worked solutions, little enough for any memory."""

FileReason = Literal["broken_json", "duplicate_key", "line_too_long", "not_an_object", "not_utf8"]
Pair = tuple[Any, Any]
"""Prompt and answer as they stand in the file, None where there is none."""

_BOM = b"\xef\xbb\xbf"
_FOREIGN = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "parquet",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"version https://git-lfs": "a Git LFS pointer, fetch the file itself",
}
"""What files that are no JSON Lines begin with."""
_EXPECTED = {"prompt": ("text",), "answer": ("text", "numbers")}
_KINDS = {str: "text", bool: "booleans", int: "numbers", float: "numbers", list: "lists", dict: "objects"}


class BadFile(ValueError):
    """A file of problems that cannot be used at all; the message says why."""


class _DuplicateKey(ValueError):
    """A JSON object gives two values for one key."""


def read_pairs(path: Path, prompt_column: str, answer_column: str) -> Iterator[Pair | FileReason]:
    """Prompt and answer of every row, or why a row cannot be read; blank lines are no rows.

    Raises:
        BadFile: if the file is missing, empty, of another format or cut short, or if a column is
            missing or holds something else than text (answers may be numbers).
    """
    columns = {"prompt": prompt_column, "answer": answer_column}
    try:
        if path.stat().st_size == 0:
            raise BadFile("is empty")
        yield from _read_parquet(path, columns) if path.suffix == ".parquet" else _read_jsonl(path, columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise BadFile(f"cannot be read ({error.strerror})") from error
        said = "".join(filter(str.isprintable, str(error).partition("\n")[0])).rstrip(".")
        raise BadFile(f"is no whole parquet file ({said})") from error  # pyarrow raises any of them


def _check_found(columns: dict[str, str], found: list[str]) -> None:
    for column in columns.values():
        if found and column not in found:
            raise BadFile(f"has no column {column!r}; found: {', '.join(sorted(found)[:20])}")


def _check_kinds(role: str, column: str, kinds: set[str]) -> None:
    """Refuse a column that holds nothing of what its role expects; a column of nulls alone has no kind."""
    if kinds and kinds.isdisjoint(_EXPECTED[role]):
        raise BadFile(f"column {column!r} holds {', '.join(sorted(kinds))}, expected is {' or '.join(_EXPECTED[role])}")


def _read_jsonl(path: Path, columns: dict[str, str]) -> Iterator[Pair | FileReason]:
    found: dict[str, None] = {}
    kinds: dict[str, set[str]] = {role: set() for role in columns}
    with path.open("rb") as opened:
        start = opened.read(32)
        for magic, name in _FOREIGN.items():
            if start.startswith(magic):
                raise BadFile(f"is no JSON Lines but {name}")
        opened.seek(len(_BOM) if start.startswith(_BOM) else 0)
        for line in _lines(opened):
            row = "line_too_long" if line is None else _parse(line)
            if isinstance(row, str):
                yield row
                continue
            found.update(dict.fromkeys(row))
            pair = (row.get(columns["prompt"]), row.get(columns["answer"]))
            for role, value in zip(columns, pair, strict=True):
                if value is not None:
                    kinds[role].add(_KINDS[type(value)])
            yield pair
    _check_found(columns, list(found))
    for role, column in columns.items():
        _check_kinds(role, column, kinds[role])


def _lines(opened: BinaryIO) -> Iterator[bytes | None]:
    """Lines that are not blank; None for one that is too long, of which no more than that is ever in memory."""
    while line := opened.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = opened.readline(MAX_LINE_BYTES)
            yield None
        elif line.strip():
            yield line


def _parse(line: bytes) -> dict[str, Any] | FileReason:
    try:
        row = json.loads(line.decode(), object_pairs_hook=_distinct)
    except UnicodeDecodeError:
        return "not_utf8"
    except _DuplicateKey:
        return "duplicate_key"
    except (ValueError, RecursionError):  # the latter of lists in lists in lists …
        return "broken_json"
    return row if isinstance(row, dict) else "not_an_object"


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _DuplicateKey
    return values


def _read_parquet(path: Path, columns: dict[str, str]) -> Iterator[Pair | FileReason]:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        _check_found(columns, schema.names)
        for role, column in columns.items():
            if schema.names.count(column) > 1:
                raise BadFile(f"has two columns {column!r}")
            kind = _parquet_kind(schema.field(column).type)
            _check_kinds(role, column, {kind} if kind else set())
        for batch in file.iter_batches(batch_size=1024, columns=list(set(columns.values()))):
            for values in zip(*(batch.column(column) for column in columns.values()), strict=True):
                try:
                    yield (values[0].as_py(), values[1].as_py())
                except UnicodeDecodeError:  # parquet does not check that its strings are UTF-8
                    yield "not_utf8"


def _parquet_kind(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_null(kind):
        return ""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    return "numbers" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else str(kind)
