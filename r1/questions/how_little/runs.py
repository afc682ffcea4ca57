"""One arm: RL from one base on so many prompts, with what its groups had to learn from."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from r1.models.policy import Policy
from r1.questions.arm import Arm, Outcome
from r1.questions.how_little.settings import FULL, Settings
from r1.questions.lab import by_level, kept, reinforced, resized, rollouts, sampled, seed_of, unguarded
from r1.rewards.response import count_reflections
from r1.support.artifacts import check_whole, read_manifest
from r1.support.errors import UserError
from r1.support.tables import read_rows

BASES = Path("data/questions/how_little/bases")
NO_GROUPS = pd.DataFrame({"step": [0], "right": [0.0], "varies": [False], "reflects": [0.0]}).iloc[:0]
"""Without RL."""
Rows = list[dict[str, Any]]


def run(arm: Arm[Settings]) -> Outcome:
    """Train the arm's base on its prompts, and evaluate before and after.

    Returns:
        `samples`: one row per evaluation completion, `when` before and after. `groups`: one row per group of rollouts;
        see `grouped`.

    Raises:
        BrokenArtifact: if the base is missing, or was changed after it was written.
        UserError: if there are fewer prompts than the arm needs.
    """
    settings, own = arm.settings, arm.settings.arms[arm.name]
    rows = drawn(arm, read_rows(settings.inputs.prompts))
    start = Path(settings.inputs.base) if own.base == FULL else BASES / own.base
    # A killed arm must not find what it trained from another base of that name.
    arm = replace(arm, scratch=arm.scratch / check_whole(start)[:16])
    asked = by_level(read_rows(settings.inputs.evaluate), settings.evaluated)
    base = Policy(start)
    before = kept(arm, "before", lambda: _evaluated(arm, base, asked, 0))
    trained = _trained(arm, base, rows) if rows else base
    # Sampled anew, not with the seed of `before`: the control shows how much that alone changes.
    after = kept(arm, "after", lambda: _evaluated(arm, trained, asked, 1))
    return Outcome(
        {
            "samples": pd.concat([before.assign(when="before"), after.assign(when="after")], ignore_index=True),
            "groups": grouped(rollouts(arm, "trained")) if rows else NO_GROUPS,
        },
        {
            "parameters": int(read_manifest(start)["counts"]["parameters"]),
            "before": float(before["correct"].mean()),
            "pass_at_1": float(after["correct"].mean()),
        },
    )


def drawn(arm: Arm[Settings], rows: Rows) -> Rows:
    """The arm's prompts: the first of all in an order of the seed, so that fewer prompts are part of more.

    With `wrong`, each has the answer of another prompt of its family, one that differs from its own.

    Raises:
        UserError: if there are too few.
    """
    settings, own = arm.settings, arm.settings.arms[arm.name]
    if own.prompts > len(rows):
        raise UserError(f"arms.{arm.name}.prompts = {own.prompts}: {settings.inputs.prompts} has {len(rows)}")
    rng = random.Random(seed_of(arm, "prompts"))
    chosen = rng.sample(rows, len(rows))[: own.prompts]
    if not own.wrong:
        return chosen
    answers: dict[str, list[str]] = {}
    for row in rows:
        answers.setdefault(row["family"], []).append(row["answer"])
    return [
        {**row, "answer": rng.choice([one for one in answers[row["family"]] if one != row["answer"]])} for row in chosen
    ]


def grouped(rollouts: pd.DataFrame) -> pd.DataFrame:
    """One row per group of rollouts: what it had to learn from.

    Args:
        rollouts: as in data/rollouts.

    Returns:
        Columns: step; the share of `right` answers; whether the reward `varies`, without which no advantage
        differs from 0; the share that `reflects`.
    """
    reflects = [count_reflections(text) > 0 for text in rollouts["completion"]]
    by_group = rollouts.assign(reflects=reflects).groupby(["step", "group"], sort=False)
    table = by_group.agg(
        right=("reward_accuracy", "mean"),
        varies=("reward", lambda rewards: rewards.nunique() > 1),
        reflects=("reflects", "mean"),
    )
    return table.reset_index().drop(columns="group")


def _trained(arm: Arm[Settings], base: Policy, rows: Rows) -> Policy:
    stage = resized(arm.recipe.zero, **arm.settings.rl)
    if not arm.settings.arms[arm.name].format:
        stage = stage.model_copy(update={"rewards": {**stage.rewards, "format_reward": 0.0}})
    return reinforced(arm, "trained", base, rows, stage, unguarded(arm.recipe.rl, stage.max_steps))


def _evaluated(arm: Arm[Settings], model: Policy, asked: Rows, number: int) -> pd.DataFrame:
    seed = seed_of(arm, "evaluate", number)
    table = sampled(arm.recipe.evaluate, model, asked, seed, num_samples=arm.settings.samples)
    return table.assign(reflects=table["reflections"] > 0)[
        ["problem", "family", "level", "correct", "well_formed", "reflects", "tokens"]
    ]
