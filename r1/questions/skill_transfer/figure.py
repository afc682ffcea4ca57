"""The matrix of gains as a heat map."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from r1.questions.effects import Effect
from r1.reporting.figures import svg

Cells = Mapping[tuple[str, str], Effect]
"""Arm and column -> effect; a missing cell stays empty."""


def heat_map(
    rows: Sequence[str], gains: Cells, columns: Mapping[str, str], own: set[tuple[str, str]], scores: Cells, score: str
) -> str:
    """Draw the gain in pass@1 of every arm on every family, and beside it the change of the preference score, as SVG.

    Args:
        rows: arms, from top to bottom.
        gains: arm and family -> gain, a share.
        columns: family -> its label.
        own: arm and family of what was trained on, framed.
        scores: arm and `score` -> change of the preference score, in standard deviations.
        score: the label of its column.
    """
    width = len(columns)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(1.15 * width + 3.2, 0.52 * len(rows) + 1.7), gridspec_kw={"width_ratios": [width, 1]}
    )
    _panel(left, rows, list(columns), list(columns.values()), gains, own, 100, "{:+.0f}", "gain in pass@1, points")
    _panel(right, rows, [score], [score], scores, own, 1, "{:+.1f}", "preference score, SD")
    left.set_yticks(range(len(rows)), rows)
    left.set_ylabel("trained on (arm)")
    left.set_xlabel("evaluated on (pass@1 of the base)")
    right.set_yticks([])
    figure.tight_layout()
    return svg(figure)


def _panel(
    axis: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    labels: Sequence[str],
    cells: Cells,
    own: set[tuple[str, str]],
    scale: float,
    form: str,
    title: str,
) -> None:
    values = np.full((len(rows), len(columns)), np.nan)
    for (row, column), found in cells.items():
        values[rows.index(row), columns.index(column)] = scale * found["effect"]
    most = max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-9)
    edges = [np.arange(size + 1) - 0.5 for size in reversed(values.shape)]
    axis.pcolormesh(*edges, np.ma.masked_invalid(values), cmap="RdBu", vmin=-most, vmax=most, edgecolors="white")
    axis.invert_yaxis()
    axis.grid(visible=False)
    axis.set_title(title, fontsize=9)
    axis.set_xticks(range(len(columns)), labels, fontsize=7.5)
    for (row, column), found in cells.items():
        y, x = rows.index(row), columns.index(column)
        ink = "white" if abs(values[y, x]) > 0.6 * most else "black"
        low, high = (form.format(scale * found[key]) for key in ("low", "high"))
        axis.text(x, y - 0.12, form.format(values[y, x]), ha="center", va="center", color=ink, fontsize=9)
        axis.text(x, y + 0.27, f"{low}, {high}", ha="center", va="center", color=ink, fontsize=6)
        if (row, column) in own:
            axis.add_patch(Rectangle((x - 0.48, y - 0.47), 0.96, 0.94, fill=False, edgecolor="black", linewidth=1.8))
