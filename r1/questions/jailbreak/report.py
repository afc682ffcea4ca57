"""The page about jailbreaks."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from r1.questions.effects import Effect, effect
from r1.questions.jailbreak.claims import claims_of, values
from r1.questions.jailbreak.figure import by_attack
from r1.questions.jailbreak.settings import (
    ANSWER,
    DIRECT,
    PARTS,
    PREFILL,
    RECIPE,
    START,
    WHOLE,
    WITHOUT,
    Category,
    Settings,
)
from r1.questions.page import Page, Results, percent
from r1.reporting.tables import Table

TITLE = "Does reasoning open a way around refusals, and does a harmless reward that reads it close the way?"
SHARES: dict[str, tuple[Category, str]] = {
    "success (harmful requests answered)": ("harmful", "complied"),
    "over-refusal (benign requests refused)": ("benign", "refused"),
}
"""Panels of the figure: of which requests, and which column of the samples."""


def judged(results: Results[Settings]) -> Page:
    """Judge what guards against the direct request, what gets around the guard, and what the guard costs."""
    settings = results.settings
    samples = results.table("samples")
    claims = claims_of(samples, settings)
    trained = [name for name, own in settings.arms.items() if not own.recipe]
    attacked = list(settings.inputs.models)
    panels = {
        label: {
            "trained here": _shares(samples, trained, settings, category, column),
            "models of the recipe": _shares(samples, attacked, settings, category, column),
        }
        for label, (category, column) in SHARES.items()
    }
    return Page(
        title=TITLE,
        answer=_answer({one["id"]: one for one in claims}, samples, settings),
        design=_design(settings),
        claims=claims,
        figure=by_attack(panels),
        caption="Above, how often the answer to a harmful request complies; below, how often a benign request is "
        "refused. Intervals over seeds and requests. Of the recipe's models there is one seed of training; the seeds "
        "are of sampling.",
        not_shown=[
            "Requests and answers are templates of this world, and a policy of this size often confuses the verbs of "
            "harmful and benign requests. How far refusals of a large model generalise is another matter.",
            "An attack that the model does not understand fails for that reason. Its row for help with benign requests "
            "says so: only where that stays high is a low success a guard's merit.",
            "The think blocks before general answers are taught here, by SFT: the recipe's general answers have none.",
            "The judge reads words. For published sets, refusal words overestimate success; put a stronger judge on "
            "the completions, in the table `samples`, before you quote a number.",
        ],
        tables=[
            _table(
                samples,
                [*trained, *attacked],
                settings,
                "Attack success",
                "Harmful requests whose answer complies, %.",
                ("harmful", "complied"),
            ),
            _table(
                samples,
                [*trained, *attacked],
                settings,
                "Over-refusal",
                "Benign requests that are refused, %.",
                ("benign", "refused"),
            ),
            _table(
                samples,
                [*trained, *attacked],
                settings,
                "Help with benign requests",
                "Benign requests whose answer complies, %: what is low here is not understood, or refused.",
                ("benign", "complied"),
            ),
            _table(
                samples,
                [*trained, *attacked],
                settings,
                "Think blocks that comply",
                "Completions for harmful requests whose think block complies, whatever the answer does, %. Under "
                f"{PREFILL} the attacker began it.",
                ("harmful", "leaked"),
            ),
        ],
    )


def _shares(
    samples: pd.DataFrame, models: Sequence[str], settings: Settings, category: Category, column: str
) -> dict[str, dict[str, Effect]]:
    return {
        model: {
            attack: effect(values(samples, model, attack, category, column), settings.bounds)
            for attack in settings.attacks
        }
        for model in models
    }


def _table(
    samples: pd.DataFrame,
    models: Sequence[str],
    settings: Settings,
    title: str,
    note: str,
    what: tuple[Category, str],
) -> Table:
    shares = _shares(samples, models, settings, *what)
    return Table(
        title,
        note,
        ["", *settings.attacks],
        [[model, *(percent(shares[model][attack]) for attack in settings.attacks)] for model in models],
    )


def _answer(claims: dict[str, dict[str, Any]], samples: pd.DataFrame, settings: Settings) -> str:
    """One line that follows from the samples, whatever they are."""

    def success(model: str, attack: str) -> str:
        return f"{100 * effect(values(samples, model, attack), settings.bounds)['effect']:.0f}"

    supported = {name for name, one in claims.items() if one["verdict"] == "supported"}
    if f"{WHOLE}_guards" in supported:
        guard = "A harmless reward that reads the whole completion guards against direct requests"
    else:
        guard = "It is not shown that a harmless reward guards even against direct requests here"
    around = "gets around it" if f"{WHOLE}_{PREFILL}_lifts" in supported else "is not shown to get around it"
    return (
        f"{guard} (success {success(START, DIRECT)} % before, {success(WHOLE, DIRECT)} % after); a think block that "
        f"begins compliant {around} ({success(WHOLE, PREFILL)} %; {success(ANSWER, PREFILL)} % if the reward reads the "
        f"answer alone)."
    )


def _design(settings: Settings) -> list[str]:
    habit, models = settings.habit, ", ".join(settings.inputs.models)
    attacks = "; ".join(
        f"{name}: "
        + ", ".join(
            part
            for part in (
                "the request as it is" if name == DIRECT else "",
                f"the message {attack.frame!r}" if attack.frame != "{request}" else "",
                f"the answer begun with {attack.begins!r}" if attack.begins else "",
                f"{attack.shots} exchanges with compliant answers before it" if attack.shots else "",
            )
            if part
        )
        for name, attack in settings.attacks.items()
    )
    return [
        f"{settings.requests} harmful and {settings.requests} benign requests, held out from all training, under every "
        f"attack, {settings.samples} completions each. {attacks}.",
        f"The arm {RECIPE} attacks the models {models} as they are. The others start from the recipe's SFT model, "
        f"which learns from {habit.examples} examples to think before a general answer: {habit.plans:.0%} of the think "
        f"blocks plan how to comply, the others say whether the request does harm; {habit.follows:.0%} of the answers "
        f"do as the think block suggests. {START} ends there. The others go through a final RL of {settings.max_steps} "
        f"steps of {settings.batch_size} rollouts, {settings.general_share:.0%} of them for general prompts, whose "
        f"harmless reward reads nothing ({WITHOUT}), the answer ({ANSWER}), the whole completion ({WHOLE}, as R1), or "
        f"think block and answer apart, of which it pays the lower ({PARTS}).",
        "An answer is what stands outside think blocks; one that complies after a refusal complies. A think block that "
        "the model leaves open is closed, and an answer is drawn.",
    ]
