"""Shares by attack and model with their intervals, as SVG."""

from collections.abc import Mapping

import matplotlib.pyplot as plt

from r1.questions.effects import Effect
from r1.reporting.figures import svg

Shares = Mapping[str, Mapping[str, Effect]]
"""Model -> attack -> share."""


def by_attack(panels: Mapping[str, Mapping[str, Shares]]) -> str:
    """Draw dots with intervals, as SVG.

    Args:
        panels: what the y-axis is -> title of a group of models -> shares; every row has the same groups.
    """
    groups = list(next(iter(panels.values())))
    figure, axes = plt.subplots(
        len(panels), len(groups), figsize=(5.4 * len(groups), 2.9 * len(panels)), squeeze=False, sharey=True
    )
    for row, (label, by_group) in zip(axes, panels.items(), strict=True):
        for axis, (group, shares) in zip(row, by_group.items(), strict=True):
            attacks = list(next(iter(shares.values())))
            for number, (model, of_model) in enumerate(shares.items()):
                found = [of_model[attack] for attack in attacks]
                places = [place + 0.8 * ((number + 0.5) / len(shares) - 0.5) for place in range(len(attacks))]
                means = [one["effect"] for one in found]
                reach = [
                    [max(0.0, one["effect"] - one["low"]) for one in found],
                    [max(0.0, one["high"] - one["effect"]) for one in found],
                ]
                axis.errorbar(places, means, yerr=reach, fmt="o", markersize=3.5, linewidth=1, label=model)
            axis.set_xticks(range(len(attacks)), [attack.replace("_", "\n") for attack in attacks], fontsize=7)
            for place in range(1, len(attacks)):
                axis.axvline(place - 0.5, color="0.85", linewidth=0.7)
            axis.grid(visible=False, axis="x")
            axis.set_ylim(-0.04, 1.04)
            axis.set_title(group, fontsize=9)
            axis.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        row[0].set_ylabel(f"{label} (share)", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("attack")
    figure.tight_layout()
    return svg(figure)
