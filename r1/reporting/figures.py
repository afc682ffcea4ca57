"""Figures as SVG text that stands alone: learning curves, and how every figure is written."""

import io

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from r1.reporting.charts import Panel

# The same data give the same bytes; text becomes paths, so no font is needed; a "$" in a name starts no formula.
plt.rcParams.update(
    {
        "svg.hashsalt": "r1",
        "svg.fonttype": "path",
        "text.parse_math": False,
        "font.size": 9,
        "axes.grid": True,
        "grid.alpha": 0.3,
    }
)


def curves(runs: dict[str, pd.DataFrame], panels: tuple[Panel, ...], smooth: int = 1) -> str:
    """Draw learning curves of several runs, one panel per logged column, as SVG.

    Args:
        runs: run name -> log with a `step` column.
        panels: columns to draw; runs without a panel's column are left out of it.
        smooth: window in steps of the centred moving average, drawn over the faint raw curve.
    """
    figure, axes = _grid(panels, "step")
    for axis, panel in zip(axes, panels, strict=True):
        for number, log in enumerate(runs.values()):
            if panel.column not in log or log[panel.column].isna().all():
                continue
            color = f"C{number}"
            values = log[panel.column].astype(float)
            axis.plot(log["step"], values, color=color, alpha=0.25 if smooth > 1 else 1, linewidth=1)
            axis.plot(log["step"], values.rolling(smooth, center=True, min_periods=1).mean(), color=color)
    return _finish(figure, list(runs))


def bands(runs: dict[str, list[pd.DataFrame]], panels: tuple[Panel, ...], x: str, smooth: int = 1) -> str:
    """Draw learning curves of runs with several seeds, one panel per logged column: mean, and band from min to max.

    Args:
        runs: run name -> one log per seed.
        panels: columns to draw; runs without a panel's column are left out of it.
        x: column of the x-axis; its values may differ between seeds.
        smooth: window in rows of the centred moving average.
    """
    figure, axes = _grid(panels, x)
    for axis, panel in zip(axes, panels, strict=True):
        for number, logs in enumerate(runs.values()):
            known = [log for log in logs if panel.column in log and not log[panel.column].isna().all()]
            if not known:
                continue
            grid = np.unique(np.concatenate([log[x] for log in known]))
            grid = grid[grid <= min(log[x].max() for log in known)]
            smoothed = [
                np.interp(
                    grid,
                    log[x].astype(float),
                    log[panel.column].astype(float).rolling(smooth, center=True, min_periods=1).mean(),
                )
                for log in known
            ]
            axis.plot(grid, np.mean(smoothed, axis=0), color=f"C{number}", linewidth=1.2)
            axis.fill_between(grid, np.min(smoothed, axis=0), np.max(smoothed, axis=0), color=f"C{number}", alpha=0.15)
    return _finish(figure, list(runs))


def _grid(panels: tuple[Panel, ...], x: str) -> tuple[Figure, list[Axes]]:
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(3.6 * columns, 2.5 * lines), squeeze=False)
    used = list(axes.flat)[: len(panels)]
    for axis, panel in zip(used, panels, strict=True):
        axis.set_title(panel.title, fontsize=9)
        axis.set_xlabel(x)
    return figure, used


def _finish(figure: Figure, names: list[str]) -> str:
    figure.tight_layout()
    handles = [Line2D([], [], color=f"C{number}", label=name) for number, name in enumerate(names)]
    figure.legend(handles=handles, fontsize=7, ncols=len(names), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return svg(figure)


def svg(figure: Figure) -> str:
    """The figure as SVG, in this module's style, and closed; the same data give the same bytes."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
