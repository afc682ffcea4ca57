"""Text and tables on the terminal: hostile text stays text, and no cell is cut."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from r1.support.text import printable


class SafeConsole(Console):
    """A console that shows control characters and markup instead of obeying them: a model, or a file, may hold any."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """As rich does, with the text of every segment made printable; rich's own controls stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def safe(value: object, style: str = "") -> Text:
    """A value as printable text: rich then measures and wraps what will be seen, `\\\\x1b` as four characters."""
    return Text(printable(str(value)), style)


def empty_table(texts: Sequence[str], numbers: Sequence[str], title: str | None = None) -> Table:
    """A table to fill: columns with text, then columns with numbers; what is too wide is folded, never cut."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in (*texts, *numbers):
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def empty_pairs() -> Table:
    """A grid to fill with names and values, which wrap beside the names."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="cyan", overflow="fold")
    grid.add_column(overflow="fold")
    return grid
