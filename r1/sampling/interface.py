"""What an engine takes and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from r1.config import Sampling

Conversation = list[dict[str, str]]
"""Messages with `role` and `content`; the model's own chat template renders them."""


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

        Returns:
            [conversation][sample], in the order given.
        """
