"""Learning curves as SVG text, for embedding in an HTML page."""

import io
from dataclasses import dataclass

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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


@dataclass(frozen=True)
class Panel:
    """One plot: a logged column and its title."""

    column: str
    title: str


RL_PANELS = (
    Panel("reward", "reward"),
    Panel("completions/mean_length", "completion length (tokens)"),
    Panel("entropy", "entropy (nats per token)"),
    Panel("kl", "KL to the reference policy"),
    Panel("rewards/accuracy_reward/mean", "accuracy reward"),
    Panel("language_mixing", "language mixing (share of rollouts)"),
)
LOSS_PANELS = (Panel("loss", "loss (nats per token)"),)


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
    return _svg(figure)


def intervals(panels: dict[str, dict[str, dict[int, tuple[float, float, float]]]], x: str) -> str:
    """Draw means by a number that doubles, one panel per title, with a band for the interval, as SVG.

    Args:
        panels: title -> name -> x -> mean, low and high; every panel has the same names.
        x: what the x-axis is.
    """
    figure, axes = _grid(tuple(Panel("", title) for title in panels), x)
    names: dict[str, None] = {}
    for axis, by_name in zip(axes, panels.values(), strict=True):
        axis.set_xscale("log", base=2)
        ticks = sorted({place for points in by_name.values() for place in points})
        axis.set_xticks(ticks, list(map(str, ticks)))
        for number, (name, points) in enumerate(by_name.items()):
            names[name] = None
            places = sorted(points)
            mean, low, high = zip(*(points[place] for place in places), strict=True)
            axis.plot(places, mean, color=f"C{number}", marker="o", markersize=3, linewidth=1.2)
            axis.fill_between(places, low, high, color=f"C{number}", alpha=0.15)
    return _finish(figure, list(names))


def bars(values: dict[str, tuple[float, float, float]], title: str) -> str:
    """Draw one horizontal bar per model with its interval (mean, low, high), as SVG."""
    figure, axis = plt.subplots(figsize=(7.2, 0.32 * len(values) + 0.8))
    names = list(values)[::-1]
    means = [values[name][0] for name in names]
    errors = [
        [mean - values[name][1] for name, mean in zip(names, means, strict=True)],
        [values[name][2] - mean for name, mean in zip(names, means, strict=True)],
    ]
    axis.barh(names, means, xerr=errors, color="C0", alpha=0.8, error_kw={"elinewidth": 1, "capsize": 2})
    axis.set_title(title, fontsize=9)
    figure.tight_layout()
    return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
