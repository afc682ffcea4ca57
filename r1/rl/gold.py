"""Prompts whose gold answer may be wrong: the samples agree with each other, and none with gold.

RL on such a prompt pays for nothing but mistakes (NeMo-Skills#1092 reports a collapse from wrong gold). A weak policy
also agrees on wrong answers, so they are listed for a reader, never dropped.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from r1.rewards.response import parse_response
from r1.tasks import code, votes

FEWEST_SAMPLES = 4
SHARE = 0.5
"""Of all samples of a prompt, those without an answer included, that have to give the same value."""


def suspects(rows: Sequence[dict[str, Any]], completions: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Among prompts that no sample solves, those on which at least SHARE of at least FEWEST_SAMPLES agree on a value.

    Not of code, whose gold is its tests.

    Args:
        rows: [prompts], with `prompt`, `task`, `answer`; none is solved by any of its samples.
        completions: [prompts, samples].

    Returns:
        Rows of prompt, task, answer (gold), voted (the first spelling of the common value), agreeing, samples.
    """
    found = []
    for row, texts in zip(rows, completions, strict=True):
        answers = [answer for text in texts if (answer := parse_response(text).answer) is not None]
        if row["task"] == code.NAME or len(texts) < FEWEST_SAMPLES or len(answers) < SHARE * len(texts):
            continue
        voted, agreeing = Counter(votes(row["task"], answers)).most_common(1)[0]
        if agreeing >= SHARE * len(texts):
            kept = {key: row[key] for key in ("prompt", "task", "answer")}
            found.append({**kept, "voted": voted, "agreeing": agreeing, "samples": len(texts)})
    return found
