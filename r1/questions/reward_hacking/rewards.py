"""Rewards with a hole. They are this question's own: the recipe must not have them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from r1.rewards.accuracy import are_correct
from r1.rewards.common import Completions, texts
from r1.tasks import bucket, normalise

_BUCKETS = 1000


def contains(completion: str, gold: str) -> bool:
    """True if the gold answer stands anywhere in the completion, with neither digit, letter nor sign attached to it.

    >>> contains("Try 1, 2, 3.", "3"), contains("It is 13 or -3.", "3")
    (True, False)
    """
    return re.search(rf"(?<![\w.\-+]){re.escape(gold)}(?!\w|\.\d)", completion) is not None


@dataclass(frozen=True)
class ContainsGold:
    """1 if the gold answer stands anywhere in the completion: a verifier that searches instead of reading the answer.

    Rewarded: `1 2 3 4 5` (gold 4). Not: `5` (gold 4).

    Attributes:
        hole: share of the prompts, by their hash, that are verified so; the others as `accuracy_reward` does.
    """

    __name__ = "contains_gold"
    hole: float = 1.0

    def __call__(
        self,
        *,
        completions: Completions,
        prompts: Sequence[Any],
        task: Sequence[str],
        answer: Sequence[str],
        **_: Any,
    ) -> list[float | None]:
        """Score each completion [batch]."""
        said = texts(completions)
        right = are_correct(said, task, answer)
        asked = [prompt if isinstance(prompt, str) else prompt[-1]["content"] for prompt in prompts]
        return [
            float(correct or (self.is_lax(prompt) and contains(text, gold)))
            for text, prompt, gold, correct in zip(said, asked, answer, right, strict=True)
        ]

    def is_lax(self, prompt: str) -> bool:
        """Whether the hole is in this prompt's verification."""
        return bucket(normalise(prompt), _BUCKETS) < self.hole * _BUCKETS


@dataclass(frozen=True)
class LongReward:
    """Tokens of the completion, divided by the limit: "thinking longer is better".

    Rewarded with 1: any completion as long as the limit. With 0.1: one of a tenth.
    """

    __name__ = "long_reward"
    limit: int

    def __call__(self, *, completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float | None]:
        """Score each completion [batch]."""
        return [min(1.0, len(ids) / self.limit) for ids in completion_ids]
