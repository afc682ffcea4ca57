"""The rollouts that a page shows: a few small pieces of large tables, the newest first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from r1 import rollouts
from r1.support.text import printable
from r1.watch.files import Cache

SCANNED = 2048
"""Rollouts that a search without a step looks at: the newest."""
SHOWN = 2000
"""Characters of a text in a list of rollouts; the whole text is a request of its own."""
LONGEST = 2**20
"""Characters of a whole text that a page gets."""
_PART = re.compile(r"part-(\d+)\.parquet")
_NUMBERS = ("step", "group", "tokens", "truncated", "advantage", "reward", "sampler_logprob", "trainer_logprob")
_TEXTS = ("family", "task", "level", "answer", "source", "reason")
_ORDERS = {"high": ("advantage", True), "low": ("advantage", False), "long": ("tokens", True)}
_BY_REWARD = "reward:"
"""Before a reward's name, as an order: the highest of it first."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """A part of a table that is read at once: a file, or a row group of one.

    Attributes:
        key: names it in a request.
        step: the optimizer step of all its rollouts, or None.
        group: number of the row group; None is the whole file.
    """

    key: str
    step: int | None
    file: Path
    group: int | None = None


@dataclass(frozen=True)
class Query:
    """What to show.

    Attributes:
        step, family, text: narrow it; None and "" do not.
        order: newest, high, low, long, or `reward:` and the name of a reward.
        start, count: which of the rows that were found.
    """

    step: int | None = None
    family: str = ""
    text: str = ""
    order: str = "newest"
    start: int = 0
    count: int = 20


class Rollouts:
    """Reads rollouts; the pieces last read are kept."""

    def __init__(self, root: Path) -> None:
        """Args: the project's folder."""
        self.root = root
        self._pieces: Cache[list[Piece]] = Cache(64)
        self._rows: Cache[list[Row]] = Cache(24)

    def sources(self) -> list[str]:
        """Names for which rollouts are kept: RL and data stages, and `evaluate/<model>`."""
        return list(rollouts.sources(self.root))

    def find(self, name: str, query: Query) -> dict[str, Any] | None:
        """Find rollouts.

        Returns:
            `steps` that are kept, `families` and `rewards` among those scanned, `scanned` and `found` counts, and
            `rows` to show; None if there is no such source.
        """
        if (kept := self.pieces(name)) is None:
            return None
        pieces = sorted(kept, key=lambda piece: piece.step or 0, reverse=True)
        chosen = [piece for piece in pieces if query.step is None or piece.step == query.step]
        families, rewards, found, scanned = set[str](), dict[str, None](), list[Row](), 0
        needle = query.text.casefold()
        for piece in chosen:
            rows = self._read(piece)
            scanned += len(rows)
            families |= {row["family"] for row in rows if row["family"]}
            rewards |= dict.fromkeys(name for row in rows[:1] for name in row["rewards"])  # a piece's are the same
            found += [row for row in rows if _matches(row, query.family, needle)]
            if scanned >= SCANNED and query.step is None:
                break
        return {
            "steps": [piece.step for piece in pieces if piece.step is not None],
            "families": sorted(families),
            "rewards": list(rewards),
            "scanned": scanned,
            "all": len(chosen) == 0 or piece is chosen[-1],
            "found": len(found),
            "rows": [_short(row) for row in _ordered(found, query.order)[query.start : query.start + query.count]],
        }

    def whole(self, name: str, key: str, number: int) -> dict[str, str] | None:
        """The whole prompt and completion of a rollout, named by its piece and its row there; None if there is none."""
        for piece in self.pieces(name) or []:
            if piece.key == key and 0 <= number < len(rows := self._read(piece)):
                return {text: rows[number][text][:LONGEST] for text in ("prompt", "completion")}
        return None

    def pieces(self, name: str) -> list[Piece] | None:
        """A source's pieces, or None if there is no such source."""
        files = rollouts.sources(self.root).get(name)
        return None if files is None else [piece for file in files for piece in self._split(file)]

    def _split(self, file: Path) -> list[Piece]:
        if match := _PART.fullmatch(file.name):
            return [Piece(str(int(match[1])), int(match[1]), file)]
        return self._groups(file)

    def _groups(self, file: Path) -> list[Piece]:
        try:
            return self._pieces.get(file, lambda: _groups(file)) or []
        except (OSError, ValueError):  # pyarrow's errors among them: half written, or damaged
            return []

    def _read(self, piece: Piece) -> list[Row]:
        """A piece's rollouts; none if a running stage has just dropped or moved it, or it cannot be read."""
        try:
            return self._rows.get(piece.file, lambda: list(_rows(piece)), piece.group) or []
        except (OSError, ValueError):
            return []


def _groups(file: Path) -> list[Piece]:
    with pq.ParquetFile(file) as table:
        names, pieces = table.schema_arrow.names, []
        for number in range(table.num_row_groups):
            step = None
            if "step" in names:
                limits = table.metadata.row_group(number).column(names.index("step")).statistics
                step = int(limits.max) if limits is not None and limits.has_min_max else None
            pieces.append(Piece(f"g{number}" if step is None else str(step), step, file, number))
    return pieces


def _rows(piece: Piece) -> Iterator[Row]:
    with pq.ParquetFile(piece.file) as file:
        table: pa.Table = file.read() if piece.group is None else file.read_row_group(piece.group)
    for number, row in enumerate(table.to_pylist()):
        rewards = {name.removeprefix("reward_"): row[name] for name in row if name.startswith("reward_")}
        if "correct" in row:
            rewards["correct"] = row["correct"]
        yield {
            "piece": piece.key,
            "row": number,
            **{name: _finite(row.get(name)) for name in _NUMBERS},
            **{name: printable(str(row[name])) if row.get(name) is not None else "" for name in _TEXTS},
            "rewards": {printable(name): _finite(value) for name, value in rewards.items()},
            "prompt": printable(_text(row.get("prompt"))),
            "completion": printable(_text(row.get("completion"))),
        }


def _text(value: Any) -> str:
    """A text, or the last message of a conversation."""
    if isinstance(value, list):
        return _text(value[-1].get("content")) if value and isinstance(value[-1], dict) else ""
    return "" if value is None else str(value)


def _finite(value: Any) -> float | int | bool | None:
    """JSON has no NaN."""
    return None if value is None or value != value or abs(value) == float("inf") else value


def _matches(row: Row, family: str, needle: str) -> bool:
    if family and row["family"] != family:
        return False
    return not needle or any(needle in row[name].casefold() for name in ("completion", "prompt", "answer"))


def _ordered(rows: list[Row], order: str) -> list[Row]:
    """Rows by the value that an order asks for; those without one come last."""
    if order.startswith(_BY_REWARD):
        name, down = order.removeprefix(_BY_REWARD), True
        values = [row["rewards"].get(name) for row in rows]
    elif order in _ORDERS:
        name, down = _ORDERS[order]
        values = [row[name] for row in rows]
    else:
        return rows
    known = sorted((at for at, value in enumerate(values) if value is not None), key=values.__getitem__, reverse=down)
    return [rows[at] for at in known] + [row for row, value in zip(rows, values, strict=True) if value is None]


def _short(row: Row) -> Row:
    cut = {name: len(row[name]) for name in ("prompt", "completion") if len(row[name]) > SHOWN}
    return {**row, **{name: row[name][:SHOWN] for name in cut}, "cut": cut}
