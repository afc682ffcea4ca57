"""A sampler that says what it is told to, for what is made of completions."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from r1.config.sampling import SamplingConfig
from r1.models.policy import Policy
from r1.sampling import Completion, Conversation, Sampler
from r1.sampling.interface import Drawn

Say = Callable[[str, Conversation, int], str | None]
"""What a model of this name answers to a conversation, as its nth sample; None: it does not fit."""


class Scripted(Sampler):
    """Keeps what it was asked for; a word is a token."""

    name = "scripted"

    def __init__(self, model: str, say: Say, truncated: bool = False) -> None:
        self.source, self.say, self.truncated, self.closed = model, say, truncated, False
        self.asked: list[tuple[list[Conversation], SamplingConfig, int]] = []

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        assert not self.closed
        self.asked.append((list(conversations), sampling, seed))
        for number, conversation in enumerate(conversations):
            texts = [self.say(self.source, conversation, nth) for nth in range(sampling.num_samples)]
            yield {number: [Completion(text, len(text.split()), self.truncated) for text in texts if text is not None]}

    def close(self) -> None:
        self.closed = True


class Opened:
    """In place of `open_sampler`: a scripted sampler per model, of which one at a time may be open."""

    def __init__(self, say: Say) -> None:
        self.say, self.truncated = say, False
        self.samplers: list[Scripted] = []
        self.checkpoints: list[Path | None] = []

    def __call__(self, policy: Policy, engine: Any, checkpoints: Path | None = None) -> Scripted:
        assert all(sampler.closed for sampler in self.samplers), "the last one's room is needed"
        self.samplers.append(Scripted(policy.directory.name, self.say, self.truncated))
        self.checkpoints.append(checkpoints)
        return self.samplers[-1]
