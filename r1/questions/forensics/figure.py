"""The question's figure: membership, teachers and causes, two panels each."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from r1.questions.forensics.shares import Points
from r1.reporting.figures import svg


def drawn(
    members: dict[str, Points],
    sets: pd.DataFrame,
    confused: dict[str, np.ndarray],
    teachers: tuple[str, ...],
    few: dict[str, pd.DataFrame],
    detectors: dict[str, Points],
    models: pd.DataFrame,
) -> str:
    """Draw all panels as SVG.

    Args:
        members: score -> model -> AUC.
        sets: rows of model, size and auc.
        confused: way -> counts, [teacher, named]; three ways.
        teachers: their names.
        few: way -> rows of seed, completions, accuracy.
        detectors: what is told -> what is read -> accuracy; `chance` has only an effect.
        models: rows of label, size, rank.
    """
    figure, axes = plt.subplots(2, 4, figsize=(16.8, 7.4))
    _members(axes[0, 0], members)
    _sets(axes[1, 0], sets)
    for axis, (way, counts) in zip((axes[0, 1], axes[1, 1], axes[0, 2]), confused.items(), strict=True):
        _confusion(axis, way, counts, teachers)
    _few(axes[1, 2], few, len(teachers))
    _detectors(axes[0, 3], detectors)
    _models(axes[1, 3], models)
    figure.tight_layout()
    return svg(figure)


def _members(axis: Axes, members: dict[str, Points]) -> None:
    axis.set_title("a document in the training data?")
    names = list(dict.fromkeys(name for points in members.values() for name in points))
    _dots(axis, members, names)
    axis.axvline(0.5, color="black", linewidth=0.8, linestyle="--")
    axis.set_xlabel("AUC (dashed: chance)")


def _dots(axis: Axes, groups: dict[str, Points], names: list[str]) -> None:
    """A row per name, in it a dot with its interval per group."""
    for number, (group, points) in enumerate(groups.items()):
        shift = 0.6 * (number / max(1, len(groups) - 1) - 0.5)
        rows = [names.index(name) + shift for name in points]
        values = list(points.values())
        spans = [[one["effect"] - one["low"] for one in values], [one["high"] - one["effect"] for one in values]]
        axis.errorbar(
            [one["effect"] for one in values], rows, xerr=spans, fmt="o", markersize=4, color=f"C{number}", label=group
        )
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.legend(fontsize=7)


def _sets(axis: Axes, sets: pd.DataFrame) -> None:
    axis.set_title("a set of documents in the training data?")
    for number, (model, table) in enumerate(sets.groupby("model", sort=False)):
        axis.plot(table["size"], table["auc"], marker="o", markersize=4, color=f"C{number}", label=str(model))
    axis.axhline(0.5, color="black", linewidth=0.8, linestyle="--")
    axis.set_xscale("log")
    ticks = sorted(set(sets["size"]))
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel("documents in the set")
    axis.set_ylabel("AUC (dashed: chance)")
    axis.legend(fontsize=7)


def _confusion(axis: Axes, way: str, confused: np.ndarray, teachers: tuple[str, ...]) -> None:
    axis.set_title(f"which teacher? by {way} (students)")
    axis.grid(False)
    axis.imshow(confused, cmap="Blues", vmin=0, vmax=max(1, confused.sum(axis=1).max()))
    for row, counts in enumerate(confused):
        for column, count in enumerate(counts):
            if count:
                dark = count > confused.sum(axis=1).max() / 2
                axis.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    axis.set_xticks(range(len(teachers)), teachers, rotation=40, ha="right")
    axis.set_yticks(range(len(teachers)), teachers)
    axis.set_xlabel("named")
    axis.set_ylabel("teacher")


def _few(axis: Axes, few: dict[str, pd.DataFrame], candidates: int) -> None:
    axis.set_title("which teacher, from few completions?")
    for number, (way, table) in enumerate(few.items()):
        by_count = table.groupby("completions")["accuracy"]
        mean = by_count.mean()
        axis.plot(mean.index, mean, marker="o", markersize=4, color=f"C{number}", label=way)
        axis.fill_between(mean.index, by_count.min(), by_count.max(), color=f"C{number}", alpha=0.15)
    axis.axhline(1 / candidates, color="black", linewidth=0.8, linestyle="--", label="chance")
    axis.set_xscale("log")
    ticks = sorted({int(count) for table in few.values() for count in table["completions"]})
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_ylim(0, 1.05)
    axis.set_xlabel("completions (mean; band: lowest to highest seed)")
    axis.set_ylabel("right (share)")
    axis.legend(fontsize=7)


def _detectors(axis: Axes, detectors: dict[str, Points]) -> None:
    axis.set_title("what made it?")
    names = list(detectors)
    reads = list(dict.fromkeys(read for points in detectors.values() for read in points if read != "chance"))
    _dots(axis, {read: {name: detectors[name][read] for name in names} for read in reads}, names)
    for row, name in enumerate(names):
        chance = detectors[name]["chance"]["effect"]
        axis.plot([chance, chance], [row - 0.4, row + 0.4], color="black", linewidth=0.8, linestyle="--")
    axis.set_xlim(0, 1.05)
    axis.set_xlabel("right (share; dashed: chance)")


def _models(axis: Axes, models: pd.DataFrame) -> None:
    axis.set_title("the difference to the base")
    for number, (label, table) in enumerate(models.groupby("label", sort=False)):
        marker = "x" if str(label).startswith("recipe") else "o"
        axis.scatter(table["size"], table["rank"], color=f"C{number}", marker=marker, s=22, label=str(label))
    axis.set_xlabel("size relative to the base (log10)")
    axis.set_ylabel("effective rank (share of full)")
    axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
