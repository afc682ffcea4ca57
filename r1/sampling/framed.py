"""Completions as the model's whole turn: with the tag that the prompt opened, and up to the template's stop string."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from r1.config.sampling import SamplingConfig
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler

if TYPE_CHECKING:
    from r1.models.policy import Policy


class Framed(Sampler):
    """An engine whose prompts are rendered by the policy's chat template.

    Engines return what was generated. If the generation prompt opens `<think>`, that lacks the opening tag, and every
    reader (verification, format, filters, the SFT set) would find the completion malformed.
    """

    def __init__(self, sampler: Sampler, policy: "Policy") -> None:
        self.name, self.source = sampler.name, sampler.source
        self.sampler, self.policy = sampler, policy

    def close(self) -> None:
        """See Sampler."""
        self.sampler.close()

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler."""
        from r1.models.turns import is_begun

        for chunk in self.sampler.draw(conversations, sampling, seed, done):
            yield {
                number: [
                    self._framed(one, "" if is_begun(conversations[number]) else self.policy.opened)
                    for one in completions
                ]
                for number, completions in chunk.items()
            }

    def _framed(self, completion: Completion, opened: str) -> Completion:
        from r1.models.turns import cut

        text, stopped = cut(completion.text, self.policy.stop_strings)  # a plug-in engine may not know of it
        return replace(completion, text=opened + text, truncated=completion.truncated and not stopped)
