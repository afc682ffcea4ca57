"""The claims about forensics, and the page."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from r1.questions.effects import claim, exceeds
from r1.questions.forensics.attribution import accuracy_of_few, by_gain, by_likelihood, by_style, confusion
from r1.questions.forensics.figure import drawn
from r1.questions.forensics.makings import detectors_table, judge_detectors
from r1.questions.forensics.members import (
    above_chance,
    auc_points,
    documents_table,
    member_claims,
    set_score,
    sets_table,
    trained_models,
)
from r1.questions.forensics.names import BASE, ITSELF, OURS, STUDENT
from r1.questions.forensics.settings import Settings
from r1.questions.forensics.shares import hits
from r1.questions.page import Page, Results

TITLE = "What can be inferred from a released model?"
WAYS = {"likelihood": "likelihood", "gain": "gain in likelihood", "style": "style"}
"""Ways to name a teacher, by column and title."""


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
    told, detectors = judge_detectors(made, settings)
    claims = [*member_claims(documents, settings), *_teacher(read[read["writer"] == ITSELF], named, settings), *told]
    sets = pd.DataFrame(
        [
            {
                "model": model,
                "size": size,
                "auc": above_chance(documents, model, set_score(model), bounds, size)["effect"] + 0.5,
            }
            for model in trained_models(settings)
            if model != BASE
            for size in settings.membership.sets
        ]
    )
    labels = [
        one["model"] if one["source"] == OURS else f"recipe, {one['method'].upper()}" for one in made.to_dict("records")
    ]
    figure = drawn(
        auc_points(documents, settings),
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
        tables=[
            documents_table(documents, settings),
            sets_table(documents, settings),
            detectors_table(detectors, made),
        ],
    )


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
        found = hits(table["named"] == table["teacher"], len(settings.seeds), bounds)
        return claim(name, f"{text}, {chance}.", found, bounds.named, exceeds(found, bounds.named), control=control)

    text = "A teacher's own samples are attributed to it by their likelihood"
    return [
        judged("teachers_themselves", text, themselves, control=True),
        *(judged(f"teacher_by_{way}", text, named[WAYS[way]]) for way, text in texts.items()),
    ]


def _table(results: Results[Settings], arm: str, name: str) -> pd.DataFrame:
    """A table that one arm alone has."""
    arms = {arm: results.settings.arms[arm]}
    return replace(results, settings=results.settings.model_copy(update={"arms": arms})).table(name)


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
