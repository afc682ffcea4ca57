"""The control's reward. It is this question's own: the recipe must not have it."""

import random
import zlib
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from r1.rewards.accuracy import AccuracyReward
from r1.rewards.common import Completions, texts


class ShuffledAccuracy:
    """Accuracy, exchanged at random among the completions of a prompt.

    Mean and variance of every group stay as they are, so advantages are as large as with `accuracy_reward`; they say
    nothing about the completion that gets them. The order follows from the completions, so that a resumed run repeats
    it. Of four completions with one right answer, any one is rewarded.
    """

    __name__ = "shuffled_accuracy"

    def __call__(self, *, completions: Completions, prompts: Sequence[Any], **columns: Any) -> list[float | None]:
        """Score each completion [batch]; those of a prompt follow each other."""
        rewards = AccuracyReward()(completions=completions, **columns)
        said, shuffled = texts(completions), list[float | None]()
        for _, group in groupby(range(len(said)), key=lambda index: prompts[index]):
            indices = list(group)
            order = random.Random(zlib.crc32("\n".join(said[index] for index in indices).encode()))
            shuffled += order.sample([rewards[index] for index in indices], len(indices))
        return shuffled
