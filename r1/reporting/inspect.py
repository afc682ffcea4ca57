"""What a stage made, on the terminal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from r1.support.artifacts import MANIFEST, BrokenArtifact, content_hash, read_manifest
from r1.support.errors import UserError
from r1.support.text import printable


class SafeConsole(Console):
    """A console that shows control characters and markup instead of obeying them: a model, or a file, may hold any."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """As rich does, with the text of every segment made printable; rich's own controls stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


# Tables whose rows tell why: samples with rewards, candidates with reasons.
_TOLD_FIRST = ("samples.parquet", "candidates.parquet")


def inspect(name: str, samples: int) -> None:
    """Print lineage, params, counts, metrics and a few rows of every artifact of that name or stage.

    Raises:
        UserError: if there is none; the message lists those there are.
    """
    console = SafeConsole()
    found = [path for path in _artifacts() if f"/{path}".endswith(f"/{name}") or name == read_manifest(path)["stage"]]
    if not found:
        known = sorted({path.name for path in _artifacts()} | {read_manifest(path)["stage"] for path in _artifacts()})
        raise UserError(f"nothing here is called {name!r}; run its stage first, or inspect one of: {', '.join(known)}")
    for artifact in found:
        _show(console, artifact, samples)


def _artifacts() -> Iterator[Path]:
    return (path.parent for path in sorted(Path("data").rglob(MANIFEST)) if not path.parent.name.startswith("."))


def _show(console: Console, artifact: Path, samples: int) -> None:
    manifest = read_manifest(artifact)
    console.rule(f"{artifact}")
    whole = content_hash(artifact) == manifest["content"]
    console.print(f"made by stages/{manifest['stage']}.py, code {manifest['code'][:12]}, seed {manifest['seed']}")
    if whole:
        console.print("contents are as written")
    else:
        console.print("contents were changed after they were written", style="bold red")
    lineage = Table("made from", "then", "now", title="lineage", title_justify="left")
    for path, digest in manifest["inputs"].items():
        lineage.add_row(path, digest[:12], _now(path, digest))
    console.print(lineage)
    console.print("params", style="bold")
    console.print_json(json.dumps(manifest["params"]))
    console.print("counts", style="bold")
    console.print_json(json.dumps(manifest["counts"]))
    metrics = Path(manifest["metrics"])
    # An artifact may be another's: what its manifest points to is shown only if it is one of ours.
    for path in (metrics, metrics.parent / "throughput" / metrics.name):
        if _is_ours(path) and path.is_file():
            console.print(str(path), style="bold")
            console.print_json(path.read_text())
    tables = sorted(artifact.glob("*.parquet"), key=lambda path: (path.name not in _TOLD_FIRST, path.name))
    for table in tables:
        _rows(console, table, samples)


def _is_ours(path: Path) -> bool:
    return "\0" not in str(path) and path.resolve().is_relative_to(Path("data").resolve())


def _now(path: str, digest: str) -> str:
    if not _is_ours(Path(path)):
        return "not in data/"
    try:
        return "same" if content_hash(Path(path)) == digest else "changed since"
    except BrokenArtifact:
        return "gone"


def _rows(console: Console, path: Path, count: int) -> None:
    frame = pd.read_parquet(path)
    console.print(f"{path.name}: {len(frame)} rows", style="bold")
    if "reason" in frame:  # one row of each reason tells more than the first few
        console.print(frame["reason"].value_counts().to_string())
        frame = frame.drop_duplicates("reason")
    elif "step" in frame:  # the end of a run tells more than its start
        frame = frame[frame["step"] == frame["step"].max()]
    for row in frame.head(max(count, frame.get("reason", pd.Series()).nunique())).to_dict("records"):
        for key, value in row.items():
            console.print(Text.assemble("  ", (str(key), "cyan"), " ", _value(value)))
        console.print()


def _value(value: Any) -> str:
    text = str(value)
    if "\n" in text:
        text = "\n    " + text.replace("\n", "\n    ")
    return text
