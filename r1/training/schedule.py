"""Which prompts come at which step."""

import random
from typing import Any

from r1.config import FinalRl
from r1.models.chat import as_messages


def all_scenarios(
    reasoning: list[dict[str, Any]], general: list[dict[str, Any]], settings: FinalRl, seed: int
) -> list[dict[str, Any]]:
    """Prompts of the final RL in the order they are trained on.

    Reasoning prompts alone at first; for the last `general_last` of the steps a
    share `general_share` of each step is general. The preference signal comes
    late because too much of it invites reward hacking (paper section 2.3.4).

    Returns:
        max_steps * batch_size / num_generations rows of `prompt`, `task`, `answer`, `kind`.
    """
    rng = random.Random(seed)
    per_step = settings.batch_size // settings.num_generations
    first_general = settings.max_steps - round(settings.max_steps * settings.general_last)
    streams = {"reasoning": _endless(reasoning, rng), "general": _endless(general, rng)}
    prompts: list[dict[str, Any]] = []
    for step in range(settings.max_steps):
        of_general = round(per_step * settings.general_share) if step >= first_general else 0
        for stream, count in (("reasoning", per_step - of_general), ("general", of_general)):
            prompts += [_as_prompt(next(streams[stream])) for _ in range(count)]
    return prompts


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
    }
