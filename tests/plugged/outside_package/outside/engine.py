"""An engine that always says the same."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from r1.config.sampling import SamplingConfig
from r1.models.policy import Policy
from r1.sampling import Completion, Conversation, Sampler


class Echo(Sampler):
    name = "echo"

    def __init__(self, policy: Policy, options: Mapping[str, Any]) -> None:
        self.reply = str(options["reply"])
        self.source = f"echo:{policy.directory}:{self.reply}"

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[dict[int, list[Completion]]]:
        completion = Completion(self.reply, len(self.reply.split()), truncated=False)
        for number in range(len(conversations)):
            if number not in done:
                yield {number: [completion] * sampling.num_samples}
