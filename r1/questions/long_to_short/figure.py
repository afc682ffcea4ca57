"""The Pareto figure: right answers against tokens, with intervals, a panel per level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt

from r1.questions.effects import Effect
from r1.reporting.figures import svg


@dataclass(frozen=True)
class Point:
    """A model on one level: tokens per completion, and pass@1."""

    tokens: Effect
    accuracy: Effect


def pareto(panels: Mapping[str, Mapping[str, Point]], path: Sequence[str]) -> str:
    """Draw models by tokens and accuracy as SVG text; those that no other model beats in both are joined.

    Args:
        panels: title -> model -> its place; every panel has the same models.
        path: models that are squares in shades of grey, the merged ones; the others are coloured.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 3.8), squeeze=False)
    names = list(next(iter(panels.values())))
    others = [name for name in names if name not in path]
    for axis, (title, points) in zip(axes[0], panels.items(), strict=True):
        front = undominated(points)
        axis.plot(
            [points[name].tokens["effect"] for name in front],
            [points[name].accuracy["effect"] for name in front],
            color="0.6",
            linewidth=1,
            linestyle="--",
            zorder=1,
        )
        for name in names:
            x, y = points[name].tokens, points[name].accuracy
            axis.errorbar(
                [x["effect"]],
                [y["effect"]],
                xerr=[[x["effect"] - x["low"]], [x["high"] - x["effect"]]],
                yerr=[[y["effect"] - y["low"]], [y["high"] - y["effect"]]],
                fmt="s" if name in path else "o",
                color=f"{0.2 + 0.6 * path.index(name) / len(path):.2f}" if name in path else f"C{others.index(name)}",
                markersize=5,
                elinewidth=0.8,
                label=name,
            )
        axis.set_title(title, fontsize=9)
        axis.set_xlabel("tokens per completion")
        axis.set_ylabel("pass@1")
    figure.tight_layout()
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return svg(figure)


def undominated(points: Mapping[str, Point]) -> list[str]:
    """Models that no other one beats in tokens and accuracy, shortest first."""
    best = -1.0
    front: list[str] = []
    for name in sorted(points, key=lambda name: (points[name].tokens["effect"], -points[name].accuracy["effect"])):
        if points[name].accuracy["effect"] > best:
            best = points[name].accuracy["effect"]
            front.append(name)
    return front
