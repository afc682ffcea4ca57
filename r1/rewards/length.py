"""Rewards that depend on a completion's length."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from r1.rewards.accuracy import AccuracyReward
from r1.rewards.common import Completions


@dataclass(frozen=True)
class LenReward:
    """Kimi k1.5's length reward (arXiv 2501.12599, section 2.3.3): within a group, short right completions score best.

    lambda = 0.5 - (length - min) / (max - min) over the completions of one prompt, in tokens. A right completion gets
    lambda, a wrong one min(0, lambda); all get 0 if the lengths are equal.

    It has to see whole groups: `check_rl_launch` refuses processes that would split them.

    Rewarded with 0.5: the shortest completion, if right. With -0.5: the longest.
    """

    __name__ = "len_reward"
    accuracy: AccuracyReward

    def __call__(
        self,
        *,
        completions: Completions,
        prompts: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        task: Sequence[str],
        answer: Sequence[str],
        **_: Any,
    ) -> list[float | None]:
        """Score each completion [batch]; None where `accuracy_reward` is."""
        correct = self.accuracy(completions=completions, task=task, answer=answer)
        groups: dict[str, list[int]] = defaultdict(list)
        for index, prompt in enumerate(prompts):
            groups[str(prompt)].append(index)
        rewards: list[float | None] = [0.0] * len(completions)
        for indices in groups.values():
            lengths = [len(completion_ids[index]) for index in indices]
            shortest, longest = min(lengths), max(lengths)
            for index, length in zip(indices, lengths, strict=True):
                if correct[index] is None:
                    rewards[index] = None
                elif longest > shortest:
                    value = 0.5 - (length - shortest) / (longest - shortest)
                    rewards[index] = value if correct[index] == 1.0 else min(0.0, value)
        return rewards


@dataclass(frozen=True)
class CosineScaledReward:
    """Correctness scaled by length on a cosine (arXiv 2502.03373, appendix C.1; open-r1's name).

    By default the schedule is TRL's: a right completion gets 1 when short, falling to 0.5 when long; a wrong one -1
    when short, rising to -0.5 when long. TRL's own function cannot use our tasks' verifiers.

    Attributes:
        accuracy: decides what is right.
        max_length: tokens at which the schedule ends.
        right: of a right completion without a token, and with `max_length` or more.
        wrong: of a wrong one.
    """

    __name__ = "cosine_scaled_reward"
    accuracy: AccuracyReward
    max_length: int
    right: tuple[float, float]
    wrong: tuple[float, float]

    def __call__(
        self,
        *,
        completions: Completions,
        completion_ids: Sequence[Sequence[int]],
        task: Sequence[str],
        answer: Sequence[str],
        **_: Any,
    ) -> list[float | None]:
        """Score each completion [batch]; None where `accuracy_reward` is."""
        rewards: list[float | None] = []
        correct = self.accuracy(completions=completions, task=task, answer=answer)
        for right, ids in zip(correct, completion_ids, strict=True):
            if right is None:
                rewards.append(None)
                continue
            cosine = math.cos(min(len(ids) / self.max_length, 1.0) * math.pi)
            short, long = self.right if right else self.wrong
            rewards.append(long + 0.5 * (short - long) * (1.0 + cosine))
        return rewards
