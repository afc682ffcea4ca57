"""Claims and tables about members of the training data."""

from typing import Any

import pandas as pd

from r1.questions.effects import Effect, Values, claim, effect, exceeds, minus, share, within
from r1.questions.forensics.auc import placements, set_means
from r1.questions.forensics.names import BASE, BLIND, PRETRAINED, SCORES, tuned_name
from r1.questions.forensics.settings import ForensicsBounds, Settings
from r1.questions.forensics.shares import Points
from r1.questions.page import percent
from r1.reporting.tables import Table

SCORE = "min_k_plus_plus"
"""The score of the claims."""


def trained_models(settings: Settings) -> list[str]:
    """Models of `documents` but for the blind one, by how often they have seen their members."""
    return [PRETRAINED, BASE, *map(tuned_name, settings.membership.epochs)]


def _values(documents: pd.DataFrame, model: str, score: str, size: int = 1) -> Values:
    """Seed -> placements minus one half, [documents or sets]: their mean is the AUC above chance."""
    table = documents[documents["model"] == model]
    found = {}
    for seed, of_seed in table.groupby("seed"):
        members, others = (of_seed.loc[of_seed["member"] == member, score].tolist() for member in (True, False))
        found[int(str(seed))] = placements(set_means(members, size), set_means(others, size)) - 0.5
    return found


def above_chance(documents: pd.DataFrame, model: str, score: str, bounds: ForensicsBounds, size: int = 1) -> Effect:
    """AUC above chance; of sets of documents if a size is given."""
    return effect(_values(documents, model, score, size), bounds)


def set_score(model: str) -> str:
    """The score of a set: where the base has not seen the data, its own loss says how easy they are."""
    return SCORE if model == PRETRAINED else "against_base"


def _pairs(documents: pd.DataFrame, model: str, settings: Settings, size: int) -> Effect:
    """Share of pairs of disjoint sets, one of members and one of others, in which the members' mean score is higher.

    An AUC of sets is often exactly 1, where its interval has no width; this one is exact.
    """
    right: list[bool] = []
    for _, table in documents[documents["model"] == model].groupby("seed"):
        ours, theirs = (
            set_means(table.loc[table["member"] == member, set_score(model)].tolist(), size) for member in (True, False)
        )
        right += (ours > theirs).tolist()
    return share(right, len(settings.seeds), settings.bounds)


def member_claims(documents: pd.DataFrame, settings: Settings) -> list[dict[str, Any]]:
    """Two controls, then a claim about documents and one about sets for every model, and one about the score."""
    bounds, epochs = settings.bounds, settings.membership.epochs
    controls = {
        "pretraining_blind": (BLIND, "loss", "A character n-gram model of other documents does not tell the base's "),
        "sft_blind": (BASE, SCORE, "Before SFT, the base does not tell SFT's "),
    }
    claims = []
    for name, (model, score, text) in controls.items():
        found = above_chance(documents, model, score, bounds)
        claims.append(
            claim(
                name,
                f"{text}documents from others like them (AUC above chance).",
                *(found, bounds.blind, within(found, bounds.blind)),
                control=True,
            )
        )
    before = _values(documents, BASE, SCORE)
    for name, model in {"pretraining": PRETRAINED, **{f"sft_{one}": tuned_name(one) for one in epochs}}.items():
        after = _values(documents, model, SCORE)
        if model == PRETRAINED:
            what, than, gained = "After pretraining, a", "above chance", after
        else:
            what, than = f"After {model}, a", "above the base's before SFT"
            gained = minus(after, before)
        found = effect(gained, bounds)
        text = f"{what} document is told from one that was not in the data, by min-k %++ (AUC {than})."
        claims.append(claim(name, text, found, bounds.told, exceeds(found, bounds.told)))
        found, bound = _pairs(documents, model, settings, bounds.set), 0.5 + bounds.told
        text = f"{what} set of {bounds.set} documents is told from one that was not in the data (pairs; chance: 50 %)"
        text += "." if model == PRETRAINED else ", by the loss against the base's."
        claims.append(claim(f"{name}_sets", text, found, bound, exceeds(found, bound)))
    ours, plain = (_values(documents, tuned_name(epochs[-1]), score) for score in (SCORE, "loss"))
    gain = effect(minus(ours, plain), bounds)
    text = f"After {tuned_name(epochs[-1])}, min-k %++ tells members better than the plain loss (AUC)."
    claims.append(claim("min_k_helps", text, gain, 0.0, exceeds(gain, 0.0)))
    return claims


def auc_points(documents: pd.DataFrame, settings: Settings) -> dict[str, Points]:
    """Score -> model -> AUC."""
    found: dict[str, Points] = {title: {} for title in SCORES.values()}
    for model in (BLIND, *trained_models(settings)):
        table = documents[documents["model"] == model]
        for score, title in SCORES.items():
            if table[score].notna().any():
                above = above_chance(documents, model, score, settings.bounds)
                found[title][model] = Effect(above | {key: above[key] + 0.5 for key in ("effect", "low", "high")})
    return found


def documents_table(documents: pd.DataFrame, settings: Settings) -> Table:
    """AUC of every score under every model."""
    points = auc_points(documents, settings)
    return Table(
        "Documents",
        "AUC of members against as many others, in per cent; 50 is chance.",
        ["model", *points],
        [
            [model, *(percent(of_score[model]) if model in of_score else "" for of_score in points.values())]
            for model in (BLIND, *trained_models(settings))
        ],
    )


def sets_table(documents: pd.DataFrame, settings: Settings) -> Table:
    """Pairs of sets that are told apart, by size."""
    return Table(
        "Sets of documents",
        "Pairs of disjoint sets, one of members and one of others, in which the members' mean score is higher, in per "
        "cent, with exact intervals; 50 is chance. The score is min-k %++ for pretraining, the loss against the base's "
        "for SFT. The largest sets have few pairs.",
        ["model", *map(str, settings.membership.sets)],
        [
            [
                model,
                *(percent(_pairs(documents, model, settings, size)) for size in settings.membership.sets),
            ]
            for model in trained_models(settings)
            if model != BASE
        ],
    )
