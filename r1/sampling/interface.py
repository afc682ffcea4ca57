"""The interface of sampling engines."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from r1.config.sampling import SamplingConfig
from r1.sampling.fitting import fitting, room

Conversation = list[dict[str, str]]
"""Messages with `role` and `content`, rendered by the model's own chat template.

If the last one is the assistant's, it is the beginning of an answer: completions continue it and do not repeat it.
`Policy.prompt_ids` renders both kinds.
"""


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
"""Completions of finished conversations, by the conversation's index; none of one whose prompt does not fit."""


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

        A prompt that does not fit into the model's context together with max_new_tokens gets no completions.

        Args:
            conversations: the conversations to complete.
            sampling: temperature, top_p and the like.
            seed: for all conversations together.
            done: indices of conversations that need no completions.

        Raises:
            ContextExceeded: if no prompt fits.
        """

    def close(self) -> None:  # noqa: B027  # most engines have nothing to free
        """Free the engine's memory, for the next user of the GPU; the sampler is unusable afterwards."""

    def sample(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int
    ) -> list[list[Completion]]:
        """Draw all completions.

        Returns:
            [conversation][sample], in the order of the conversations; no samples of one that does not fit.
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


def within_context(prompts: Sequence[list[int]], max_new_tokens: int, context: int | None) -> tuple[list[int], Drawn]:
    """Indices of the prompts that leave room for max_new_tokens, and the others without completions.

    Args:
        prompts: token ids of all conversations.
        max_new_tokens: tokens per completion.
        context: tokens of prompt and completion together; None for a model without a limit.

    Raises:
        ContextExceeded: if no prompt fits.
    """
    limits = f"max_new_tokens = {max_new_tokens} in a context of {context} tokens"
    fits = fitting(prompts, room(context, max_new_tokens), limits)
    return fits, {index: [] for index in set(range(len(prompts))) - set(fits)}
