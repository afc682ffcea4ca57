"""What an engine takes and gives."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from r1.config.sampling import SamplingConfig
from r1.support.errors import UserError

Conversation = list[dict[str, str]]
"""Messages with `role` and `content`; the model's own chat template renders them."""


class ContextExceeded(UserError):
    """A prompt leaves no room for its completion in the model's context."""


def check_context(
    conversations: Sequence[Conversation], prompts: Sequence[list[int]], max_new_tokens: int, context: int | None
) -> None:
    """Refuse what would not fit: transformers would go on beyond the positions it knows, vLLM would stop early.

    Args:
        conversations: what is asked.
        prompts: the same as token ids.
        max_new_tokens: of a completion.
        context: tokens of prompt and completion together; None for a model without a limit.

    Raises:
        ContextExceeded: naming the longest prompt.
    """
    if context is None or not prompts:
        return
    longest = max(range(len(prompts)), key=lambda index: len(prompts[index]))
    tokens = len(prompts[longest])
    if tokens + max_new_tokens > context:
        many = sum(len(prompt) + max_new_tokens > context for prompt in prompts)
        raise ContextExceeded(
            f"{many} of {len(prompts)} prompts do not fit: the longest has {tokens} tokens, with max_new_tokens = "
            f"{max_new_tokens} that is more than the model's context of {context}: "
            f"{conversations[longest][-1]['content'][:80]!r}; lower max_new_tokens, or take such prompts out"
        )


@dataclass(frozen=True)
class Completion:
    """One sampled completion.

    Attributes:
        text: decoded, without special tokens.
        tokens: tokens generated, the end token included.
        truncated: True if it did not end by itself: it ran into max_new_tokens, or an endpoint cut it short.
    """

    text: str
    tokens: int
    truncated: bool


Drawn = dict[int, list[Completion]]
"""Finished conversations: number -> their completions."""


class Sampler(ABC):
    """An engine with a model in it.

    Attributes:
        name: of the engine.
        source: what is sampled, and where, so that completions of another model are never taken for its own.
    """

    name: str
    source: str

    @abstractmethod
    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """Draw `sampling.num_samples` completions per conversation, and give them piece by piece as they are finished.

        Temperature 0 is greedy. The same seed gives the same completions on the
        same machine, whichever are done: a piece with its own seed is drawn whole or not at all.

        Args:
            conversations: what is asked.
            sampling: how.
            seed: of the whole.
            done: numbers of conversations whose completions are not needed again.

        Raises:
            ContextExceeded: if a prompt and max_new_tokens do not fit into the model's context.
        """

    def close(self) -> None:  # noqa: B027  # most hold nothing
        """Free what it holds, for whatever else is to use the GPU; it cannot sample any more."""

    def sample(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int
    ) -> list[list[Completion]]:
        """All that `draw` gives.

        Returns:
            [conversation][sample], in the order given.
        """
        drawn: Drawn = {}
        for piece in self.draw(conversations, sampling, seed):
            drawn |= piece
        return [drawn[number] for number in range(len(conversations))]


def pieces(order: Sequence[int], size: int, done: Collection[int]) -> list[tuple[int, Sequence[int]]]:
    """Conversations cut into pieces of a size, without those pieces that are done to the last.

    Returns:
        Number of each piece, which decides its seed, and the conversations in it.
    """
    cut = [order[start : start + size] for start in range(0, len(order), size)]
    return [(number, piece) for number, piece in enumerate(cut) if not all(index in done for index in piece)]
