"""The order in which prompts are trained on."""

import random
from typing import Any

from r1.config.rl import FinalRlConfig
from r1.models.chat import as_messages


def all_scenarios(
    reasoning: list[dict[str, Any]], general: list[dict[str, Any]], settings: FinalRlConfig, rollouts: int, seed: int
) -> list[dict[str, Any]]:
    """Prompts of the final RL in training order.

    Only reasoning prompts at first; in the last `general_last` (a fraction) of the steps,
    a fraction `general_share` of each step's prompts is general. The preference signal
    comes late because too much of it invites reward hacking (paper section 2.3.4).

    Args:
        reasoning: rows of RL prompts.
        general: rows of general prompts.
        settings: batch size, group size and the two fractions.
        rollouts: rollouts that the run samples, a multiple of the batch size.
        seed: for shuffling.

    Returns:
        rollouts / num_generations rows of `prompt`, `task`, `answer`, `kind`, `family`, `level`.
    """
    rng = random.Random(seed)
    per_step, steps = settings.batch_size // settings.num_generations, rollouts // settings.batch_size
    first_general = steps - round(steps * settings.general_last)
    streams = {"reasoning": _endless(reasoning, rng), "general": _endless(general, rng)}
    prompts: list[dict[str, Any]] = []
    for step in range(steps):
        of_general = round(per_step * settings.general_share) if step >= first_general else 0
        for stream, count in (("reasoning", per_step - of_general), ("general", of_general)):
            prompts += [_as_prompt(next(streams[stream])) for _ in range(count)]
    return prompts


def in_order(rows: list[dict[str, Any]], count: int, curriculum: bool, seed: int) -> list[dict[str, Any]]:
    """Reasoning prompts in training order.

    The order covers the full run, so that a run resumed in a later epoch sees the
    same prompts as an uninterrupted one.

    Args:
        rows: rows of RL prompts; for a curriculum, easiest first.
        count: number of prompts that the run needs; every row is used once before any repeats.
        curriculum: keep the order and stretch it over the run; otherwise shuffle each epoch.
        seed: for shuffling.
    """
    if curriculum:
        return [_as_prompt(rows[index * len(rows) // count]) for index in range(count)]
    stream = _endless(rows, random.Random(seed))
    return [_as_prompt(next(stream)) for _ in range(count)]


def _endless(rows: list[dict[str, Any]], rng: random.Random) -> Any:
    while True:
        yield from rng.sample(rows, len(rows))


def _as_prompt(row: dict[str, Any]) -> dict[str, Any]:
    reasoning = "task" in row
    return {
        "prompt": as_messages(row["prompt"]),
        "task": row["task"] if reasoning else "",
        "answer": row["answer"] if reasoning else "",
        "kind": "" if reasoning else row["kind"],
        "family": row.get("family", "") if reasoning else "general",
        "level": row.get("level", "") if reasoning else "",
    }
