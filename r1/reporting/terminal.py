"""Text and tables on the terminal: untrusted text is escaped, and no cell is truncated."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from r1.support.text import printable


class SafeConsole(Console):
    """A console that shows control characters and markup instead of obeying them, as model-written text has any."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render as rich does, but escape the text of every segment; rich's own control segments stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def safe(value: object, style: str = "") -> Text:
    """Convert a value to escaped text, so that rich measures what is shown: `\\\\x1b` is four characters wide."""
    return Text(printable(str(value)), style)


def empty_table(texts: Sequence[str], numbers: Sequence[str], title: str | None = None) -> Table:
    """Create an empty table with text columns, then number columns; cells that are too wide are folded, not cut."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in (*texts, *numbers):
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def empty_pairs() -> Table:
    """Create an empty grid of names and values; values wrap within their column."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="cyan", overflow="fold")
    grid.add_column(overflow="fold")
    return grid
