"""The arm `cause`: models whose making is known, as features of their weights and of what they write."""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from r1.models.policy import Policy
from r1.questions.arm import Arm, Outcome
from r1.questions.forensics.behaviour import behaviour
from r1.questions.forensics.names import OURS, RECIPE
from r1.questions.forensics.settings import Making, Settings
from r1.questions.forensics.training import tuned
from r1.questions.forensics.weights import difference
from r1.questions.lab import by_level, kept, reinforced, resized, sampled, seed_of, unguarded
from r1.support.tables import read_rows

Rows = list[dict[str, Any]]
WATCHED = 0
"""Seed of the sampling of all models in all arms: a base's behaviour, which is subtracted, is thus the same in all."""
_ASSISTANT = "Assistant:\n"


def run(arm: Arm[Settings]) -> Outcome:
    """Make the models, and measure them and the recipe's against their bases.

    Returns:
        `models`: one row per model: source, model, method, learning_rate, and the features: those of
        `names.WEIGHTS`, and those of samples, as the change from the base.
    """
    settings, asked = arm.settings, arm.settings.cause
    watched = by_level(read_rows(settings.inputs.evaluate), asked.problems)
    base = Policy(Path(settings.inputs.base))
    rng = random.Random(seed_of(arm, "learning rates"))
    rates = {name: asked.spread ** rng.uniform(-1, 1) for name in asked.makings}

    def features(name: str, model: Policy, start: Policy, started: str) -> pd.DataFrame:
        """Kept by model, and a base's behaviour by its own name."""
        mine = _behaviour(arm, model, watched)
        theirs = kept(arm, f"behaviour-{started}", lambda: pd.DataFrame([_behaviour(arm, start, watched)])).iloc[0]
        changes = {key: value - float(theirs[key]) for key, value in mine.items()}
        return pd.DataFrame([{"model": name, **difference(model.directory, start.directory), **changes}])

    rows = []
    for name, making in asked.makings.items():
        made, rate = _made(arm, name, making, base, rates[name])
        table = kept(arm, f"ours-{name}", partial(features, name, made, base, "base"))
        rows.append(table.assign(source=OURS, method=making.method, learning_rate=rate))
    for known, one in asked.known.items():
        model, start = (Policy(Path(getattr(settings.inputs, each))) for each in (known, one.base))
        table = kept(arm, f"recipe-{known}", partial(features, known, model, start, one.base))
        rows.append(table.assign(source=RECIPE, method=one.method, learning_rate=float("nan")))
    return Outcome({"models": pd.concat(rows, ignore_index=True)})


def _behaviour(arm: Arm[Settings], model: Policy, watched: Rows) -> dict[str, float]:
    count = arm.settings.cause.samples
    return behaviour(model, sampled(arm.recipe.evaluate, model, watched, WATCHED, num_samples=count))


def _made(arm: Arm[Settings], name: str, making: Making, base: Policy, factor: float) -> tuple[Policy, float]:
    """The model, and its learning rate."""
    asked, inputs = arm.settings.cause, arm.settings.inputs
    if making.rewards is None:
        pool = list(people(read_rows(inputs.corpus))) if making.examples == "corpus" else read_rows(inputs.examples)
        rows = random.Random(seed_of(arm, name)).sample(pool, min(asked.examples, len(pool)))
        rate = asked.tuning.learning_rate * factor
        return tuned(arm, name, base, rows, asked.tuning, asked.epochs, rate), rate
    rate = asked.learning_rate * factor
    stage = resized(arm.recipe.zero, **{**asked.rl, "learning_rate": rate}, rewards=dict(making.rewards))
    rl = unguarded(arm.recipe.rl, asked.max_steps, validation_steps=0)
    return reinforced(arm, name, base, read_rows(inputs.prompts), stage, rl), rate


def people(corpus: Rows) -> Iterator[dict[str, Any]]:
    """Worked solutions of the corpus as SFT examples: text by people, in all their styles."""
    for row in corpus:
        _, found, completion = row["text"].partition(_ASSISTANT)
        if found and "\n" in completion:
            yield {"prompt": row["prompt"], "completion": completion}
