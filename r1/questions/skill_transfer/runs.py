"""One arm: RL on its families or on general prompts, evaluated on everything."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from r1.data.splits import as_row, draw_problems
from r1.evaluation.evaluate import sample_general
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.questions.arm import Arm, Outcome
from r1.questions.lab import kept, reinforced, resized, sampled, seed_of, unguarded
from r1.questions.skill_transfer.rewards import ShuffledAccuracy
from r1.questions.skill_transfer.settings import GENERAL, Settings
from r1.rewards.common import RewardFunction
from r1.rewards.preference import PreferenceReward
from r1.sampling import open_sampler
from r1.support.errors import ConfigurationError
from r1.support.tables import read_rows
from r1.tasks import normalise

Rows = list[dict[str, Any]]


def run(arm: Arm[Settings]) -> Outcome:
    """Train the base on what the arm trains on, and evaluate the result.

    Returns:
        `samples`: one row per completion of an evaluation problem; `worked` says whether it has an equals sign.
        `general`: one row per general prompt, with the preference `score` of its completion.
    """
    settings = arm.settings
    problems = read_rows(settings.inputs.evaluate)
    prompts = training_prompts(arm, problems)
    model = _trained(arm, prompts)
    asked = by_family(problems, settings.evaluated)
    samples = kept(arm, "samples", lambda: _answered(arm, model, asked))
    general = kept(arm, "general", lambda: _liked(arm, model))
    return Outcome(
        {"samples": samples, "general": general},
        {
            "pass_at_1": float(samples["correct"].mean()),
            "score": float(general["score"].mean()),
            "prompts": dict(Counter(row.get("family", GENERAL) for row in prompts)),
        },
    )


def training_prompts(arm: Arm[Settings], problems: Rows) -> Rows:
    """Prompts of the arm, none of which is an evaluation prompt.

    A family comes from inputs.prompts, or is drawn from the recipe's split for RL, as `prepare` draws its prompts.

    Args:
        arm: needs the recipe's `prepare`.
        problems: all evaluation problems.

    Raises:
        ConfigurationError: if a family is unknown, or is not evaluated.
    """
    settings, own = arm.settings, arm.settings.arms[arm.name]
    if own.trains_on == (GENERAL,):
        asked = {normalise(row["prompt"]) for row in read_rows(settings.inputs.evaluate_general)}
        return [row for row in read_rows(settings.inputs.general) if normalise(row["prompt"]) not in asked]
    asked, evaluated = {normalise(row["prompt"]) for row in problems}, {row["family"] for row in problems}
    given = read_rows(settings.inputs.prompts)
    rows: Rows = []
    for name in own.trains_on:
        if name not in evaluated:
            raise ConfigurationError(
                f"arms.{arm.name}.trains_on = {name!r}: {settings.inputs.evaluate} has no such family"
            )
        of_family = [row for row in given if row["family"] == name] or _drawn(arm, name)
        clean = [row for row in of_family if normalise(row["prompt"]) not in asked]
        rows += random.Random(seed_of(arm, name)).sample(clean, min(settings.problems, len(clean)))
    return rows


def _drawn(arm: Arm[Settings], name: str) -> Rows:
    families = arm.recipe.prepare.families
    if name not in families:
        raise ConfigurationError(
            f"arms.{arm.name}.trains_on = {name!r}: neither a family of {arm.settings.inputs.prompts} nor one of "
            f"prepare.families: {', '.join(families)}"
        )
    family = families[name]
    drawn = draw_problems(name, family, "rl", arm.settings.problems, seed_of(arm, f"draw {name}"))
    return [as_row(problem, name, family) for problem in drawn]


def _trained(arm: Arm[Settings], prompts: Rows) -> Policy:
    settings, own = arm.settings, arm.settings.arms[arm.name]
    base = Policy(Path(settings.inputs.base))
    if not prompts:
        return base
    custom: dict[str, RewardFunction] = {}
    if own.trains_on == (GENERAL,):
        custom["preference_reward"] = PreferenceReward(*_judges(settings).values())
    elif own.shuffled:
        custom["shuffled_accuracy"] = ShuffledAccuracy()
    stage = resized(arm.recipe.zero, **settings.rl, rewards=dict.fromkeys(custom or ("accuracy_reward",), 1.0))
    rl = unguarded(arm.recipe.rl, settings.max_steps, validation_steps=0)
    return reinforced(arm, "trained", base, prompts, stage, rl, None, **custom)


def by_family(rows: Rows, count: int) -> Rows:
    """The first problems of each family."""
    seen: Counter[str] = Counter()
    chosen: Rows = []
    for row in rows:
        seen[row["family"]] += 1
        if seen[row["family"]] <= count:
            chosen.append(row)
    return chosen


def _answered(arm: Arm[Settings], model: Policy, asked: Rows) -> pd.DataFrame:
    seed = seed_of(arm, "evaluate")
    table = sampled(arm.recipe.evaluate, model, asked, seed, num_samples=arm.settings.samples)
    worked = table["completion"].str.contains("=", regex=False)
    return table[["problem", "family", "task", "level", "correct", "tokens"]].assign(worked=worked)


def _liked(arm: Arm[Settings], model: Policy) -> pd.DataFrame:
    config, judges = arm.recipe.evaluate, _judges(arm.settings)
    rows = read_rows(arm.settings.inputs.evaluate_general)
    # It closes the sampler.
    table = sample_general(open_sampler(model, config.engine), rows, judges, config, seed_of(arm, "evaluate general"))
    prompts = [as_messages(prompt) for prompt in table["prompt"]]
    score = PreferenceReward(*judges.values())(
        completions=table["completion"].tolist(), prompts=prompts, kind=table["kind"].tolist()
    )
    table = table.assign(score=np.array(score, dtype=float), problem=range(len(table)))
    return table[["problem", "kind", "category", "completion", "score", "win", "refused"]]


def _judges(settings: Settings) -> dict[str, Path]:
    """Preference model by kind, helpful first."""
    return {"helpful": Path(settings.inputs.helpful), "harmless": Path(settings.inputs.harmless)}
