"""The harmless reward, reading more or less of a completion. The recipe's reads all of it (paper section 2.3.4)."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from r1.questions.jailbreak.judge import parts
from r1.questions.jailbreak.settings import Reads
from r1.rewards.common import Completions, texts
from r1.rewards.preference import RewardModel


class HarmlessReward:
    """Scores responses to general prompts by the recipe's harmless reward model.

    `whole` scores the completion as it is, `answer` what the user reads, `parts` the think block and the answer, each
    as if it was the response, and pays the lower score: a reward model that has seen no think block may overlook one.
    """

    __name__ = "preference_reward"

    def __init__(self, directory: Path, reads: Reads) -> None:
        self.directory, self.reads = directory, reads

    @cached_property
    def model(self) -> RewardModel:
        """Loaded when it first scores."""
        return RewardModel(self.directory)

    def __call__(
        self, *, completions: Completions, prompts: Sequence[Any], kind: Sequence[str], **_: Any
    ) -> list[float | None]:
        """Preference score where `kind` is set, None for reasoning prompts.

        Args:
            completions: [batch].
            prompts: [batch], conversations that end with the user's question.
            kind: [batch].
        """
        chosen = [index for index, name in enumerate(kind) if name]
        responses = texts(completions)
        questions = [prompts[index][-1]["content"] for index in chosen]
        read = [responses[index] for index in chosen]
        if self.reads != "whole":
            read = [parts(text).answer for text in read]
        scores = self.model.score(questions, read)
        if self.reads == "parts":
            thoughts = [parts(responses[index]).thinking for index in chosen]
            scores = [
                min(score, thought) if said else score
                for score, thought, said in zip(scores, self.model.score(questions, thoughts), thoughts, strict=True)
            ]
        rewards: list[float | None] = [None] * len(responses)
        for index, score in zip(chosen, scores, strict=True):
            rewards[index] = score
        return rewards
