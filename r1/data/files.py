"""Read rows from JSON Lines, JSON and parquet so that no file and no row can crash the program.

A line looks like {"prompt": "What is 3 + 4?", "answer": "7"}. An unusable file raises a one-sentence error; an
unreadable row yields the reason instead.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MAX_LINE_BYTES = 4_000_000
"""Limit of a JSON line: far above a problem with several worked solutions, and small enough for any memory."""
MAX_JSON_BYTES = 500_000_000
"""Limit of a JSON array, which is read at once; DeepScaleR's has about 30 MB."""

FileReason = Literal["broken_json", "duplicate_key", "line_too_long", "not_an_object", "not_utf8"]
Kind = Literal["text", "numbers", "booleans", "lists of text", "messages"]
"""What a column may contain; messages are lists of objects with role and content."""
Columns = Mapping[str, tuple[Kind, ...]]
"""The required columns and what each may contain; () allows anything. `a.b` is field b of the objects in a."""
Row = dict[str, Any]
"""The required columns' values as in the file, None where missing."""

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
"""First bytes of files that are not JSON Lines."""
_KINDS = {str: "text", bool: "booleans", int: "numbers", float: "numbers", list: "lists", dict: "objects"}


class BadFile(ValueError):
    """An unusable file of rows; the message says why."""


class _DuplicateKey(ValueError):
    """A JSON object has two values for one key."""


def scan_rows(path: Path, columns: Columns) -> Iterator[Row | FileReason]:
    """The required columns of every row, or why a row cannot be read; blank lines are skipped.

    Raises:
        BadFile: if the file is missing, empty, truncated or in another format, or if a column is missing or contains
            something unexpected.
    """
    readers = {".parquet": _read_parquet, ".json": _read_json}
    try:
        if path.stat().st_size == 0:
            raise BadFile("is empty")
        yield from readers.get(path.suffix, _read_jsonl)(path, columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise BadFile(f"cannot be read ({error.strerror})") from error
        said = "".join(filter(str.isprintable, str(error).partition("\n")[0])).rstrip(".")
        raise BadFile(f"is not a complete parquet file ({said})") from error  # pyarrow may raise any of these


def _check_found(columns: Iterable[str], found: list[str]) -> None:
    for column in columns:
        if found and column not in found:
            raise BadFile(f"has no column {column!r}; found: {', '.join(sorted(found)[:20])}")


def _check_kinds(column: str, expected: tuple[Kind, ...], kinds: set[str], shown: str | None = None) -> None:
    """Reject a column without any value of an expected kind; a column of only nulls has no kind."""
    if expected and kinds and kinds.isdisjoint(expected):
        raise BadFile(f"column {column!r} holds {shown or ', '.join(sorted(kinds))}, expected {' or '.join(expected)}")


def _read_jsonl(path: Path, columns: Columns) -> Iterator[Row | FileReason]:
    with path.open("rb") as opened:
        start = opened.read(32)
        for magic, name in _FOREIGN.items():
            if start.startswith(magic):
                raise BadFile(f"is not JSON Lines but {name}")
        opened.seek(len(_BOM) if start.startswith(_BOM) else 0)
        yield from _pick(("line_too_long" if line is None else _parse(line) for line in _lines(opened)), columns)


def _read_json(path: Path, columns: Columns) -> Iterator[Row | FileReason]:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise BadFile(f"is a JSON array of more than {MAX_JSON_BYTES} bytes: make it JSON Lines or parquet")
    try:
        rows = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise BadFile("is not complete JSON") from None
    if not isinstance(rows, list):
        raise BadFile("is not a JSON array of objects")
    yield from _pick((row if isinstance(row, dict) else "not_an_object" for row in rows), columns)


def _pick(rows: Iterable[Row | FileReason], columns: Columns) -> Iterator[Row | FileReason]:
    """The required columns of objects; kinds are checked at the end, when all have been seen."""
    found: dict[str, None] = {}
    kinds: dict[str, set[str]] = {column: set() for column in columns}
    for row in rows:
        if isinstance(row, str):
            yield row
            continue
        found.update(dict.fromkeys(row))
        picked = {}
        for column in columns:
            outer, _, inner = column.partition(".")
            value = row.get(column)
            if inner and column not in row and isinstance(row.get(outer), dict):
                found.update(dict.fromkeys(f"{outer}.{key}" for key in row[outer]))
                value = row[outer].get(inner)
            if (kind := _json_kind(value)) is not None:
                kinds[column].add(kind)
            picked[column] = value
        yield picked
    _check_found(columns, list(found))
    for column, expected in columns.items():
        _check_kinds(column, expected, kinds[column])


def _json_kind(value: Any) -> str | None:
    if isinstance(value, list) and value:
        if all(isinstance(item, dict) and {"role", "content"} <= item.keys() for item in value):
            return "messages"
        return "lists of text" if all(isinstance(item, str) for item in value) else "lists"
    return None if value is None or value == [] else _KINDS[type(value)]


def _lines(opened: BinaryIO) -> Iterator[bytes | None]:
    """Nonblank lines, None for one above the limit; never holds more than the limit in memory."""
    while line := opened.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = opened.readline(MAX_LINE_BYTES)
            yield None
        elif line.strip():
            yield line


def _parse(line: bytes) -> Row | FileReason:
    try:
        row = json.loads(line.decode(), object_pairs_hook=_distinct)
    except UnicodeDecodeError:
        return "not_utf8"
    except _DuplicateKey:
        return "duplicate_key"
    except (ValueError, RecursionError):  # RecursionError: lists in lists in lists …
        return "broken_json"
    return row if isinstance(row, dict) else "not_an_object"


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _DuplicateKey
    return values


def _read_parquet(path: Path, columns: Columns) -> Iterator[Row | FileReason]:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        fields = _fields(schema, columns)
        _check_found(columns, list(fields))
        for column, expected in columns.items():
            if schema.names.count(column) > 1:
                raise BadFile(f"has two columns {column!r}")
            kind = _parquet_kind(fields[column])
            shown = kind if kind in ("text", "numbers") else str(fields[column])
            _check_kinds(column, expected, {kind} if kind else set(), shown)
        for batch in file.iter_batches(batch_size=1024, columns=list(columns)):
            arrays = [_array(batch, column) for column in columns]
            for values in zip(*arrays, strict=True):
                try:
                    yield {column: value.as_py() for column, value in zip(columns, values, strict=True)}
                except UnicodeDecodeError:  # parquet does not check that its strings are UTF-8
                    yield "not_utf8"


def _fields(schema: pa.Schema, columns: Iterable[str]) -> dict[str, pa.DataType]:
    """Types by column; also of all fields of objects that contain a required field."""
    fields = {field.name: field.type for field in schema}
    for column in columns:
        outer, _, inner = column.partition(".")
        if inner and column not in fields and pa.types.is_struct(fields.get(outer, pa.null())):
            fields |= {f"{outer}.{field.name}": field.type for field in fields[outer]}
    return fields


def _array(batch: pa.RecordBatch, column: str) -> pa.Array:
    if column in batch.schema.names:
        return batch.column(column)
    outer, _, inner = column.partition(".")
    return pc.struct_field(batch.column(outer), inner)


def _parquet_kind(kind: pa.DataType) -> str:
    """A Kind; for other types the type's name, for nulls ""."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_null(kind):
        return ""
    if _is_text(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "booleans"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = kind.value_type
        if _is_text(inner):
            return "lists of text"
        if pa.types.is_struct(inner) and {"role", "content"} <= {field.name for field in inner}:
            return "messages"
    return "numbers" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else str(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
