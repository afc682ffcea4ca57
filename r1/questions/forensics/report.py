"""The claims about forensics, and the page."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from r1.questions.effects import Effect, claim, effect, exceeds, share, within
from r1.questions.forensics.attribution import accuracy_of_few, by_gain, by_likelihood, by_style, confusion
from r1.questions.forensics.auc import placements, set_means
from r1.questions.forensics.detectors import left_out, permuted, transferred
from r1.questions.forensics.figure import Points, drawn
from r1.questions.forensics.names import (
    BASE,
    BLIND,
    ITSELF,
    OURS,
    PRETRAINED,
    READS,
    RECIPE,
    SCORES,
    STUDENT,
    tuned_name,
)
from r1.questions.forensics.settings import ForensicsBounds, Settings
from r1.questions.page import Page, Results
from r1.reporting.tables import Table

TITLE = "What can be inferred from a released model?"
SCORE = "min_k_plus_plus"
"""The score of the claims."""
WAYS = {"likelihood": "likelihood", "gain": "gain in likelihood", "style": "style"}
"""Ways to name a teacher, by column and title."""
TOLD = {"method": "SFT or RL", "model": "the making", "reward": "the reward"}
"""What detectors tell, by column and title."""


def judged(results: Results[Settings]) -> Page:
    """Judge what the weights and samples of a model tell of its training data, its teacher and its making."""
    settings, bounds = results.settings, results.settings.bounds
    documents = _table(results, "membership", "documents")
    likelihood, gain, style = (_table(results, "teacher", name) for name in ("likelihood", "gain", "style"))
    made = _table(results, "cause", "models")
    read = by_likelihood(likelihood)
    named = {
        WAYS["likelihood"]: read[read["writer"] == STUDENT],
        WAYS["gain"]: by_gain(gain),
        WAYS["style"]: by_style(style),
    }
    told, detectors = _detectors(made, settings)
    claims = [*_membership(documents, settings), *_teacher(read[read["writer"] == ITSELF], named, settings), *told]
    sets = pd.DataFrame(
        [
            {"model": model, "size": size, "auc": _auc(documents, model, _of_set(model), bounds, size)["effect"] + 0.5}
            for model in _models(settings)
            if model != BASE
            for size in settings.membership.sets
        ]
    )
    labels = [
        one["model"] if one["source"] == OURS else f"recipe, {one['method'].upper()}" for one in made.to_dict("records")
    ]
    figure = drawn(
        _points(documents, settings),
        sets,
        {way: confusion(table, settings.teacher.teachers) for way, table in named.items()},
        settings.teacher.teachers,
        {
            WAYS[column]: accuracy_of_few(table, name, settings.teacher.few)
            for column, name, table in (
                ("likelihood", "logp", likelihood[likelihood["writer"] == STUDENT]),
                ("gain", "gain", gain),
            )
        },
        detectors,
        made.assign(label=labels),
    )
    return Page(
        title=TITLE,
        answer=_answer({one["id"]: one for one in claims}, settings),
        design=_design(settings),
        claims=claims,
        figure=figure,
        caption="Left: AUC of members against others, of single documents (intervals over seeds and documents) and of "
        "sets. Middle: students attributed in three ways, and from how many completions. Right: detectors that have "
        "learned from the other seeds' models, and two features of the weights.",
        not_shown=[
            "Members and others come from one source, in random order. Where suspects are older, longer or about other "
            "things than the held-out texts, every score tells them apart without any training; these numbers do not "
            "carry over.",
            "Every student's teacher is among the candidates, and every making among those that the detectors know. A "
            "detector names the nearest one, even if it is none of them.",
            "All models that the detectors learn from start from one base, and only learning rates and data differ "
            "between seeds. The recipe's models are a test beyond that, of SFT against RL alone.",
            "A language of 512 tokens and models of under a million parameters: how much of its data a large model "
            "keeps is another matter.",
        ],
        tables=[_of_scores(documents, settings), _of_sets(documents, settings), _of_detectors(detectors, made)],
    )


# --- membership --------------------------------------------------------------


def _models(settings: Settings) -> list[str]:
    return [PRETRAINED, BASE, *map(tuned_name, settings.membership.epochs)]


def _values(documents: pd.DataFrame, model: str, score: str, size: int = 1) -> dict[int, np.ndarray]:
    """Seed -> placements minus one half, [documents or sets]: their mean is the AUC above chance."""
    table = documents[documents["model"] == model]
    found = {}
    for seed, of_seed in table.groupby("seed"):
        members, others = (of_seed.loc[of_seed["member"] == member, score].tolist() for member in (True, False))
        found[int(str(seed))] = placements(set_means(members, size), set_means(others, size)) - 0.5
    return found


def _auc(documents: pd.DataFrame, model: str, score: str, bounds: ForensicsBounds, size: int = 1) -> Effect:
    """AUC above chance; of sets of documents if a size is given."""
    return effect(_values(documents, model, score, size), bounds)


def _of_set(model: str) -> str:
    """The score of a set: where the base has not seen the data, its own loss says how easy they are."""
    return SCORE if model == PRETRAINED else "against_base"


def _pairs(documents: pd.DataFrame, model: str, settings: Settings, size: int) -> Effect:
    """Share of pairs of disjoint sets, one of members and one of others, in which the members' mean score is higher.

    An AUC of sets is often exactly 1, where its interval has no width; this one is exact.
    """
    hits: list[bool] = []
    for _, table in documents[documents["model"] == model].groupby("seed"):
        ours, theirs = (
            set_means(table.loc[table["member"] == member, _of_set(model)].tolist(), size) for member in (True, False)
        )
        hits += (ours > theirs).tolist()
    return share(hits, len(settings.seeds), settings.bounds)


def _membership(documents: pd.DataFrame, settings: Settings) -> list[dict[str, Any]]:
    bounds, epochs = settings.bounds, settings.membership.epochs
    controls = {
        "pretraining_blind": (BLIND, "loss", "A character n-gram model of other documents does not tell the base's "),
        "sft_blind": (BASE, SCORE, "Before SFT, the base does not tell SFT's "),
    }
    claims = []
    for name, (model, score, text) in controls.items():
        found = _auc(documents, model, score, bounds)
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
            gained = {seed: values - before[seed] for seed, values in after.items()}
        found = effect(gained, bounds)
        text = f"{what} document is told from one that was not in the data, by min-k %++ (AUC {than})."
        claims.append(claim(name, text, found, bounds.told, exceeds(found, bounds.told)))
        found, bound = _pairs(documents, model, settings, bounds.set), 0.5 + bounds.told
        text = f"{what} set of {bounds.set} documents is told from one that was not in the data (pairs; chance: 50 %)"
        text += "." if model == PRETRAINED else ", by the loss against the base's."
        claims.append(claim(f"{name}_sets", text, found, bound, exceeds(found, bound)))
    ours, plain = (_values(documents, tuned_name(epochs[-1]), score) for score in (SCORE, "loss"))
    gain = effect({seed: values - plain[seed] for seed, values in ours.items()}, bounds)
    text = f"After {tuned_name(epochs[-1])}, min-k %++ tells members better than the plain loss (AUC)."
    claims.append(claim("min_k_helps", text, gain, 0.0, exceeds(gain, 0.0)))
    return claims


def _points(documents: pd.DataFrame, settings: Settings) -> dict[str, Points]:
    """Score -> model -> AUC."""
    found: dict[str, Points] = {title: {} for title in SCORES.values()}
    for model in (BLIND, *_models(settings)):
        table = documents[documents["model"] == model]
        for score, title in SCORES.items():
            if table[score].notna().any():
                above = _auc(documents, model, score, settings.bounds)
                found[title][model] = Effect(above | {key: above[key] + 0.5 for key in ("effect", "low", "high")})
    return found


def _of_scores(documents: pd.DataFrame, settings: Settings) -> Table:
    points = _points(documents, settings)
    return Table(
        "Documents",
        "AUC of members against as many others, in per cent; 50 is chance.",
        ["model", *points],
        [
            [model, *(_percent(of_score[model]) if model in of_score else "" for of_score in points.values())]
            for model in (BLIND, *_models(settings))
        ],
    )


def _of_sets(documents: pd.DataFrame, settings: Settings) -> Table:
    return Table(
        "Sets of documents",
        "Pairs of disjoint sets, one of members and one of others, in which the members' mean score is higher, in per "
        "cent, with exact intervals; 50 is chance. The score is min-k %++ for pretraining, the loss against the base's "
        "for SFT. The largest sets have few pairs.",
        ["model", *map(str, settings.membership.sets)],
        [
            [
                model,
                *(_percent(_pairs(documents, model, settings, size)) for size in settings.membership.sets),
            ]
            for model in _models(settings)
            if model != BASE
        ],
    )


# --- teachers ----------------------------------------------------------------


def _teacher(themselves: pd.DataFrame, named: Mapping[str, pd.DataFrame], settings: Settings) -> list[dict[str, Any]]:
    bounds, chance = (
        settings.bounds,
        f"in more cases than the bound (chance: {100 / len(settings.teacher.teachers):.0f} %)",
    )
    texts = {
        "likelihood": "A student's samples are likeliest under its teacher",
        "gain": "SFT has made the teacher's own samples likelier than it made the other candidates'",
        "style": "A student writes most like its teacher (length, form, language, reflection, accuracy)",
    }

    def judged(name: str, text: str, table: pd.DataFrame, control: bool = False) -> dict[str, Any]:
        hits = _hits(table["named"] == table["teacher"], len(settings.seeds), bounds)
        return claim(name, f"{text}, {chance}.", hits, bounds.named, exceeds(hits, bounds.named), control=control)

    text = "A teacher's own samples are attributed to it by their likelihood"
    return [
        judged("teachers_themselves", text, themselves, control=True),
        *(judged(f"teacher_by_{way}", text, named[WAYS[way]]) for way, text in texts.items()),
    ]


# --- causes ------------------------------------------------------------------


def _detectors(made: pd.DataFrame, settings: Settings) -> tuple[list[dict[str, Any]], dict[str, Points]]:
    """The claims, and what is told -> what is read -> accuracy, with `chance`."""
    bounds, seeds = settings.bounds, len(settings.seeds)
    ours, recipe = (made[made["source"] == source] for source in (OURS, RECIPE))
    by_rl = ours[ours["method"] == "rl"]
    known = {"method": ours, "model": ours, "reward": by_rl.assign(reward=by_rl["model"])}
    detectors: dict[str, Points] = {}
    for label, title in TOLD.items():
        table = known[label]
        detectors[title] = {
            read: _hits(left_out(table, columns, label) == table[label], seeds, bounds)
            for read, columns in READS.items()
        } | {"chance": Effect(effect=float(table[label].value_counts(normalize=True).max()))}
    named = recipe.groupby(["model", "method"], as_index=False, sort=False)[list(READS["both"])].mean()
    title = "SFT or RL, the recipe's"
    detectors[title] = {
        read: _hits(pd.Series(transferred(ours, named, columns, "method")) == named["method"], 1, bounds)
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


def _of_detectors(detectors: Mapping[str, Points], made: pd.DataFrame) -> Table:
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
            [told, *(_percent(points[read]) for read in READS), f"{100 * points['chance']['effect']:.0f}"]
            for told, points in detectors.items()
        ],
    )


# --- all ---------------------------------------------------------------------


def _table(results: Results[Settings], arm: str, name: str) -> pd.DataFrame:
    """A table that one arm alone has."""
    arms = {arm: results.settings.arms[arm]}
    return replace(results, settings=results.settings.model_copy(update={"arms": arms})).table(name)


def _hits(right: pd.Series, seeds: int, bounds: ForensicsBounds) -> Effect:
    return share([bool(hit) for hit in right], seeds, bounds)


def _percent(found: Effect) -> str:
    mean, low, high = (100 * found[key] for key in ("effect", "low", "high"))
    return f"{mean:.0f} [{low:.0f}, {high:.0f}]"


def _answer(claims: Mapping[str, Mapping[str, Any]], settings: Settings) -> str:
    """One line that follows from the verdicts, whatever they are."""
    epochs = settings.membership.epochs
    asked = {
        "a document of pretraining": "pretraining",
        **{f"a document after {one} epoch{'s' if one > 1 else ''} of SFT": f"sft_{one}" for one in epochs},
        **{f"a student's teacher by {title}": f"teacher_by_{way}" for way, title in WAYS.items()},
        "SFT or RL": "method",
        "the reward": "reward",
    }
    by_verdict: dict[str, list[str]] = {}
    for what, name in asked.items():
        by_verdict.setdefault(str(claims[name]["verdict"]), []).append(what)
    said = {"supported": "Can be told", "not supported": "cannot", "inconclusive": "undecided at this size"}
    parts = [f"{said[verdict]}: {', '.join(by_verdict[verdict])}" for verdict in said if verdict in by_verdict]
    line = "; ".join(parts)
    return f"{line[0].upper()}{line[1:]}."


def _design(settings: Settings) -> list[str]:
    membership, teacher, cause = settings.membership, settings.teacher, settings.cause
    makings = ", ".join(
        f"{name} ({'SFT' if making.examples else 'RL on ' + ' + '.join(making.rewards or {})})"
        for name, making in cause.makings.items()
    )
    return [
        f"Membership: {membership.documents} documents of the base's corpus against as many that its generator draws "
        "with another seed, each of which is in one of the two corpora once and not in the other; and "
        f"{membership.examples} examples on which the base is fine-tuned for {', '.join(map(str, membership.epochs))} "
        "epochs against as many that are left out. Scores are the loss, min-k % and min-k %++ with "
        f"{membership.lowest:.0%} of the tokens, and the loss against the base's.",
        f"Teachers: {', '.join(teacher.teachers)}. For each, {teacher.student} is fine-tuned on "
        f"{teacher.completions} of its completions; {teacher.problems} completions of the student on other problems "
        "are attributed.",
        f"Makings: {makings}. Learning rates vary by up to a factor of {cause.spread:g} either way, so that the size "
        "of the difference alone tells little. A detector is the nearest mean in units of each feature's standard "
        "deviation within a class, learned from the models of the other seeds.",
    ]
