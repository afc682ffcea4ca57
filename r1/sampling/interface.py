"""What an engine takes and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from r1.config import Sampling
from r1.errors import UserError

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
        truncated: True if it ran into max_new_tokens.
    """

    text: str
    tokens: int
    truncated: bool


class Sampler(Protocol):
    """An engine with a model in it."""

    name: str

    def sample(self, conversations: Sequence[Conversation], sampling: Sampling, seed: int) -> list[list[Completion]]:
        """Draw `sampling.num_samples` completions per conversation.

        Temperature 0 is greedy. The same seed gives the same completions on the
        same machine.

        Raises ContextExceeded if a prompt and max_new_tokens do not fit into the model's context.

        Returns:
            [conversation][sample], in the order given.
        """
