"""Learning curves, also of a stage in progress, small enough for a page."""

import csv
import io
import math
from pathlib import Path
from typing import Any

from r1.watch.files import Cache

LIVE = "curve.csv"
"""In the checkpoint folder of a run in progress (r1.training.recorder.LIVE_CURVE, whose import takes seconds)."""
POINTS = 300
"""Most points of a curve that a page gets; of a longer one, means over equally many steps."""


class Curves:
    """Reads curves; a file that has not changed is parsed once."""

    def __init__(self) -> None:
        self._cache: Cache[dict[str, Any]] = Cache(64)

    def read(self, file: Path) -> dict[str, Any]:
        """Return `last` (the last step), `every` (steps per point) and `columns`: values by name, null where unknown.

        A missing or empty file is a curve without columns.
        """
        return self._cache.get(file, lambda: table(_text(file))) or {"last": 0, "every": 1, "columns": {}}


def _text(file: Path) -> str:
    """Its text, in which bytes that are none have no value; nothing of what is no file."""
    return file.read_text(errors="replace") if file.is_file() else ""


def table(text: str) -> dict[str, Any]:
    """A curve's columns from its CSV text, thinned to `POINTS`; see `Curves.read`."""
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        return {"last": 0, "every": 1, "columns": {}}
    every = math.ceil(len(rows) / POINTS)
    groups = [rows[start : start + every] for start in range(0, len(rows), every)]
    names = [name for name in rows[0] if name]
    columns = {name: [_mean([_number(row.get(name)) for row in group]) for group in groups] for name in names}
    known = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    if "step" in known:  # a point stands where its group ends, so that the newest stands at the newest step
        known["step"] = [_number(group[-1].get("step")) for group in groups]
    return {"last": int(_number(rows[-1].get("step")) or 0), "every": every, "columns": known}


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
