"""Claims and the table about what made a model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from r1.questions.effects import Effect, claim, effect, exceeds, within
from r1.questions.forensics.detectors import left_out, permuted, transferred
from r1.questions.forensics.names import OURS, READS, RECIPE
from r1.questions.forensics.settings import Settings
from r1.questions.forensics.shares import Points, hits
from r1.questions.page import percent
from r1.reporting.tables import Table

TOLD = {"method": "SFT or RL", "model": "the making", "reward": "the reward"}
"""What detectors tell, by column and title."""


def judge_detectors(made: pd.DataFrame, settings: Settings) -> tuple[list[dict[str, Any]], dict[str, Points]]:
    """The claims, and what is told -> what is read -> accuracy, with `chance`."""
    bounds, seeds = settings.bounds, len(settings.seeds)
    ours, recipe = (made[made["source"] == source] for source in (OURS, RECIPE))
    by_rl = ours[ours["method"] == "rl"]
    known = {"method": ours, "model": ours, "reward": by_rl.assign(reward=by_rl["model"])}
    detectors: dict[str, Points] = {}
    for label, title in TOLD.items():
        table = known[label]
        detectors[title] = {
            read: hits(left_out(table, columns, label) == table[label], seeds, bounds)
            for read, columns in READS.items()
        } | {"chance": Effect(effect=float(table[label].value_counts(normalize=True).max()))}
    named = recipe.groupby(["model", "method"], as_index=False, sort=False)[list(READS["both"])].mean()
    title = "SFT or RL, the recipe's"
    detectors[title] = {
        read: hits(pd.Series(transferred(ours, named, columns, "method")) == named["method"], 1, bounds)
        for read, columns in READS.items()
    } | {"chance": Effect(effect=float(named["method"].value_counts(normalize=True).max()))}
    classes = ours["model"].nunique()
    chance = effect(
        {
            seed: np.asarray(values) - 1 / classes
            for seed, values in permuted(ours, READS["both"], "model", bounds.permutations).items()
        },
        bounds,
    )
    claims = [
        claim(
            "permuted",
            "With the known makings permuted, the same detector is as often right as chance.",
            *(chance, bounds.chance, within(chance, bounds.chance)),
            control=True,
        )
    ]
    texts = {
        "method": ("SFT or RL", "the weights alone tell SFT from RL", bounds.method, "weights"),
        "making": ("the making", f"weights and samples name the making, of {classes}", bounds.named, "both"),
        "reward": ("the reward", "weights and samples name RL's reward", bounds.named, "both"),
    }
    for name, (told, text, bound, read) in texts.items():
        found = detectors[told][read]
        sentence = f"Learned from other seeds' models, {text}, in more cases than the bound."
        claims.append(claim(name, sentence, found, bound, exceeds(found, bound)))
    found = detectors[title]["weights"]
    text = "The same weights' detector tells SFT from RL in the recipe's own models, in more cases than the bound."
    claims.append(claim("method_of_recipe", text, found, bounds.named, exceeds(found, bounds.named)))
    return claims, detectors


def detectors_table(detectors: Mapping[str, Points], made: pd.DataFrame) -> Table:
    """The accuracy of every detector, and which makings the last is mistaken about."""
    ours = made[made["source"] == OURS]
    said = left_out(ours, READS["both"], "model")
    mistaken = pd.crosstab(ours["model"], said)
    found = [
        f"{truth} taken for {other} ({mistaken.loc[truth, other]})"
        for truth in mistaken.index
        for other in mistaken.columns
        if truth != other and mistaken.loc[truth, other]
    ]
    return Table(
        "Detectors",
        "Nearest mean of models with a known making, by the features of weights, of samples, or of both; accuracy in "
        "per cent, with exact intervals. Mistakes about the making by both: "
        + (", ".join(found) if found else "none")
        + ".",
        ["what is told", *READS, "chance"],
        [
            [told, *(percent(points[read]) for read in READS), f"{100 * points['chance']['effect']:.0f}"]
            for told, points in detectors.items()
        ],
    )
