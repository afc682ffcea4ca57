"""One arm: shorten the long model by the arm's method, or teach the short one, and count tokens and right answers."""

import random
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from r1.config.finetuning import SftConfig
from r1.models.policy import Policy
from r1.questions.arm import Arm, Outcome
from r1.questions.lab import by_level, finetuned, kept, reinforced, resized, sampled, seed_of, trained, unguarded
from r1.questions.long_to_short.choose import pairs, right_ones
from r1.questions.long_to_short.merging import merge
from r1.questions.long_to_short.settings import LONG, SHORT, Finetune, Merge, Reinforce, Settings, merged_name
from r1.support.tables import as_rows, read_rows

Rows = list[dict[str, Any]]
LEVELS = ("train", "hard")
"""Levels that every model is evaluated on."""


def run(arm: Arm[Settings]) -> Outcome:
    """Run an arm.

    Returns:
        `samples`: one row per evaluation completion, with `model`. `data`: what the arm learned from, one row: how
        many examples, their mean tokens, and the mean tokens of their problems' right completions.
    """
    settings, own = arm.settings, arm.settings.arms[arm.name]
    asked = by_level([row for row in read_rows(settings.inputs.evaluate) if row["level"] in LEVELS], settings.evaluated)
    models = {SHORT: Policy(Path(settings.inputs.short)), LONG: Policy(Path(settings.inputs.long))}
    data = pd.DataFrame(columns=["tokens", "mean_tokens"])
    if isinstance(own, Merge):
        results = {merged_name(weight): _merged(arm, models, weight) for weight in own.weights}
    elif isinstance(own, Reinforce):
        results = {arm.name: _reinforced(arm, models[LONG], own)}
    elif isinstance(own, Finetune):
        data = kept(arm, "examples", partial(_examples, arm, models[own.teacher], own))
        config = _fine_tuning(arm, settings.learning_rate)
        results = {arm.name: finetuned(arm, arm.name, models[own.student], as_rows(data), config)}
    else:
        data = kept(arm, "examples", partial(_pairs, arm, models[LONG]))
        results = {arm.name: _preferred(arm, models[LONG], as_rows(data))}
    samples = pd.concat(
        [
            kept(arm, f"samples-{name}", partial(_evaluated, arm, model, asked)).assign(model=name)
            for name, model in results.items()
        ],
        ignore_index=True,
    )
    last = samples[samples["model"] == samples["model"].iloc[-1]]
    return Outcome(
        {"samples": samples, "data": _described(data)},
        {"pass_at_1": float(last["correct"].mean()), "tokens": float(last["tokens"].mean())},
    )


def _merged(arm: Arm[Settings], models: dict[str, Policy], weight: float) -> Policy:
    name = merged_name(weight)
    return models[name] if name in models else merge(arm, name, models[SHORT], models[LONG], weight)


def _reinforced(arm: Arm[Settings], model: Policy, own: Reinforce) -> Policy:
    settings, recipe = arm.settings, arm.recipe
    stage = resized(
        recipe.zero,
        settings.rollouts,
        max_steps=settings.max_steps,
        learning_rate=settings.rl_learning_rate,
        warmup_steps=min(recipe.zero.warmup_steps, settings.max_steps // 5),
        num_generations=settings.num_generations,
        max_completion_length=settings.max_new_tokens,
        rewards=own.rewards,
    )
    return reinforced(arm, arm.name, model, _problems(arm), stage, unguarded(recipe.rl, settings.max_steps))


def _fine_tuning(arm: Arm[Settings], learning_rate: float) -> SftConfig:
    """The recipe's `sft` with this question's sizes; every model keeps its own chat template."""
    settings = arm.settings
    return resized(
        arm.recipe.sft,
        settings.batch_size,
        epochs=settings.epochs,
        learning_rate=learning_rate,
        chat_template=None,
    )


def _preferred(arm: Arm[Settings], model: Policy, examples: Rows) -> Policy:
    from r1.questions.long_to_short.preference import prefer

    config = _fine_tuning(arm, arm.settings.dpo_learning_rate)
    return trained(arm, arm.name, lambda context: prefer(model, examples, config, arm.settings.beta, context))


def _examples(arm: Arm[Settings], teacher: Policy, own: Finetune) -> pd.DataFrame:
    table = _completions(arm, teacher)
    return pd.DataFrame(
        right_ones(table, own.keep, arm.settings.examples, seed_of(arm, "choose")),
        columns=["prompt", "completion", "tokens", "mean_tokens"],
    )


def _pairs(arm: Arm[Settings], teacher: Policy) -> pd.DataFrame:
    settings = arm.settings
    return pd.DataFrame(
        pairs(_completions(arm, teacher), settings.longer, settings.examples, seed_of(arm, "choose")),
        columns=["prompt", "chosen", "rejected", "tokens", "mean_tokens"],
    )


def _completions(arm: Arm[Settings], teacher: Policy) -> pd.DataFrame:
    """The teacher's completions on the problems to learn from: the same in all arms with a seed and a teacher."""
    settings = arm.settings
    return kept(
        arm,
        "completions",
        lambda: sampled(
            arm.recipe.evaluate,
            teacher,
            _problems(arm),
            seed_of(arm, "completions"),
            temperature=settings.temperature,
            num_samples=settings.candidates,
            max_new_tokens=settings.max_new_tokens,
        ),
    )


def _problems(arm: Arm[Settings]) -> Rows:
    """Problems to learn from: others for every seed, as many of each family."""
    rows = read_rows(arm.settings.inputs.prompts)
    random.Random(seed_of(arm, "problems")).shuffle(rows)
    return by_level(rows, arm.settings.problems)


def _evaluated(arm: Arm[Settings], model: Policy, asked: Rows) -> pd.DataFrame:
    table = sampled(
        arm.recipe.evaluate,
        model,
        asked,
        seed_of(arm, "evaluate"),
        num_samples=arm.settings.samples,
        max_new_tokens=arm.settings.max_new_tokens,
    )
    return table[["problem", "family", "level", "completion", "correct", "tokens", "truncated"]]


def _described(data: pd.DataFrame) -> pd.DataFrame:
    means = data[["tokens", "mean_tokens"]].astype(float).mean()
    return pd.DataFrame([{"examples": len(data), **means.to_dict()}])
