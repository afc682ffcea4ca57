"""The figure: pass@1 by base and prompts, what groups had to learn from, what that brought, and reflection by size."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from r1.questions.how_little.measures import by_step
from r1.questions.how_little.settings import Settings
from r1.reporting.figures import svg

_NOT_RUN = "#eeeeee"


def draw(cells: pd.DataFrame, groups: pd.DataFrame, settings: Settings) -> str:
    """Draw the four panels as SVG; the same data give the same bytes.

    Args:
        cells: one row per arm with RL on right answers and seed: arm, seed, base, prompts, format (whether it is paid),
            parameters, before, after, gain, some_right, reflects_before, reflects_after; shares.
        groups: of `measures.with_outcomes`, of all arms, with `arm` and `seed`.
        settings: the order of bases and prompts.
    """
    figure = Figure(figsize=(10.8, 7.2), facecolor="white")
    axes = figure.subplots(2, 2)
    _surface(axes[0, 0], cells, settings)
    _groups(axes[0, 1], groups, settings)
    _gains(axes[1, 0], cells, settings)
    _reflection(axes[1, 1], cells, settings)
    figure.tight_layout()
    return svg(figure)


def _surface(axis: Axes, cells: pd.DataFrame, settings: Settings) -> None:
    bases, prompts = settings.shares, sorted({cell.prompts for cell in settings.learning.values()})
    of_bases = cells[cells["base"].isin(bases) & cells["format"]]
    grid = of_bases.pivot_table(index="base", columns="prompts", values="after").reindex(index=bases, columns=prompts)
    grid.insert(0, 0, of_bases.groupby("base")["before"].mean())
    values = 100 * grid.to_numpy(dtype=float)
    axis.set_facecolor(_NOT_RUN)
    axis.grid(visible=False)
    drawn = axis.imshow(values, cmap="viridis", aspect="auto", origin="lower", vmin=0)
    middle = np.nanmax(values) / 2
    for row, column in np.ndindex(*values.shape):
        value = values[row, column]
        known = not np.isnan(value)
        color = ("white" if value < 1.2 * middle else "black") if known else "#666666"
        axis.text(column, row, f"{value:.1f}" if known else "not run", ha="center", va="center", color=color)
    axis.set_xticks(range(len(grid.columns)), ["before RL", *(str(count) for count in prompts)])
    axis.set_yticks(range(len(bases)), bases)
    axis.set_xlabel("RL prompts")
    axis.set_ylabel("base (pretraining)")
    axis.set_title("pass@1 %, mean over seeds", fontsize=9)
    axis.figure.colorbar(drawn, ax=axis)


def _groups(axis: Axes, groups: pd.DataFrame, settings: Settings) -> None:
    for number, base in enumerate([*settings.shares, *settings.sizes[:-1]]):
        runs = np.stack(list(by_step(groups, settings.with_most(base), "none_right").values()))
        smooth = pd.DataFrame(100 * runs.T).rolling(settings.bounds.window, center=True, min_periods=1).mean()
        steps = np.arange(1, len(smooth) + 1)
        axis.plot(steps, smooth.mean(axis=1), color=f"C{number}", label=base)
        axis.fill_between(steps, smooth.min(axis=1), smooth.max(axis=1), color=f"C{number}", alpha=0.15)
    axis.set_xlabel("step")
    axis.set_ylim(0, 100)
    axis.set_title(f"groups without a right answer %, {settings.arms[settings.reference].prompts} prompts", fontsize=9)
    axis.legend(fontsize=7)


def _gains(axis: Axes, cells: pd.DataFrame, settings: Settings) -> None:
    for number, base in enumerate([*settings.shares, *settings.sizes[:-1]]):
        for paid, marker in ((True, "o"), (False, "x")):
            runs = cells[(cells["base"] == base) & (cells["format"] == paid)]
            label = base if paid else None
            axis.scatter(
                100 * runs["some_right"], 100 * runs["gain"], color=f"C{number}", s=18, marker=marker, label=label
            )
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xlabel("groups with some right answers %, all steps")
    axis.set_title("gain in pass@1, points; x: accuracy reward alone", fontsize=9)
    axis.legend(fontsize=7)


def _reflection(axis: Axes, cells: pd.DataFrame, settings: Settings) -> None:
    sizes: list[int] = []
    for number, base in enumerate(settings.sizes):
        runs = cells[cells["arm"] == settings.with_most(base)]
        size = runs["parameters"].iloc[0]
        sizes.append(size)
        for before, after in zip(100 * runs["reflects_before"], 100 * runs["reflects_after"], strict=True):
            axis.annotate("", (size, after), (size, before), arrowprops={"arrowstyle": "->", "alpha": 0.4})
        for name, column, marker in (("before RL", "reflects_before", "o"), ("after RL", "reflects_after", "^")):
            label = name if number == 0 else None
            axis.scatter([size], [100 * runs[column].mean()], marker=marker, color=f"C{marker == '^':d}", label=label)
    axis.set_xscale("log")
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axis.minorticks_off()
    axis.set_ylim(0, 100)
    axis.set_xlabel("parameters")
    axis.set_title("completions that reflect %, where reflection pays", fontsize=9)
    axis.legend(fontsize=7)
