"""The interface of sampling engines."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from r1.config.sampling import SamplingConfig
from r1.support.errors import UserError

Conversation = list[dict[str, str]]
"""Messages with `role` and `content`, rendered by the model's own chat template."""


class ContextExceeded(UserError):
    """A prompt leaves no room for its completion in the model's context."""


def check_context(
    conversations: Sequence[Conversation], prompts: Sequence[list[int]], max_new_tokens: int, context: int | None
) -> None:
    """Refuse prompts that do not fit: transformers would exceed the trained positions, vLLM would stop early.

    Args:
        conversations: the conversations to complete.
        prompts: their token ids.
        max_new_tokens: tokens per completion.
        context: tokens of prompt and completion together; None for a model without a limit.

    Raises:
        ContextExceeded: naming the longest prompt.
    """
    if context is None or not prompts:
        return
    longest = max(range(len(prompts)), key=lambda index: len(prompts[index]))
    tokens = len(prompts[longest])
    if tokens + max_new_tokens > context:
        too_long = sum(len(prompt) + max_new_tokens > context for prompt in prompts)
        raise ContextExceeded(
            f"{too_long} of {len(prompts)} prompts do not fit: the longest has {tokens} tokens and exceeds, with "
            f"max_new_tokens = {max_new_tokens}, the model's context of {context}: "
            f"{conversations[longest][-1]['content'][:80]!r}; lower max_new_tokens, or remove such prompts"
        )


@dataclass(frozen=True)
class Completion:
    """One sampled completion.

    Attributes:
        text: decoded, without special tokens.
        tokens: number of tokens generated, end token included.
        truncated: True if it did not end on its own: it reached max_new_tokens, or an endpoint cut it short.
    """

    text: str
    tokens: int
    truncated: bool


Drawn = dict[int, list[Completion]]
"""Completions of finished conversations, by the conversation's index."""


class Sampler(ABC):
    """An engine with a loaded model.

    Attributes:
        name: the engine's name.
        source: the model and where it is sampled, so that completions of different models are never mixed up.
    """

    name: str
    source: str

    @abstractmethod
    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """Draw `sampling.num_samples` completions per conversation; yields them in chunks as they finish.

        Temperature 0 is greedy. On the same machine the same seed gives the same completions,
        whatever is `done`: a chunk has its own seed and is drawn completely or not at all.

        Args:
            conversations: the conversations to complete.
            sampling: temperature, top_p and the like.
            seed: for all conversations together.
            done: indices of conversations that need no completions.

        Raises:
            ContextExceeded: if a prompt and max_new_tokens do not fit into the model's context.
        """

    def close(self) -> None:  # noqa: B027  # most engines have nothing to free
        """Free the engine's memory, for the next user of the GPU; the sampler is unusable afterwards."""

    def sample(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int
    ) -> list[list[Completion]]:
        """Draw all completions.

        Returns:
            [conversation][sample], in the order of the conversations.
        """
        drawn: Drawn = {}
        for chunk in self.draw(conversations, sampling, seed):
            drawn |= chunk
        return [drawn[number] for number in range(len(conversations))]


def chunks(order: Sequence[int], size: int, done: Collection[int]) -> list[tuple[int, Sequence[int]]]:
    """Cut conversations into chunks of `size`, without chunks that are completely done.

    Returns:
        Per chunk its index, which determines its seed, and the indices of its conversations.
    """
    cut = [order[start : start + size] for start in range(0, len(order), size)]
    return [(number, chunk) for number, chunk in enumerate(cut) if not all(index in done for index in chunk)]
