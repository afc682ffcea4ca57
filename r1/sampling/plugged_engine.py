"""A plug-in engine: any fault in it ends the stage with a one-line error."""

import inspect
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from r1.config.sampling import PluginEngineConfig, SamplingConfig
from r1.plugins import PluginError, check_takes, guarded, load, naming
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler

if TYPE_CHECKING:
    from r1.models.policy import Policy


def engine_class(name: str) -> type[Sampler]:
    """Load a Sampler class by import path.

    Raises:
        PluginError: if the path leads to no Sampler that is constructed as `Engine(policy, options)`.
    """
    found = load(name)
    if not inspect.isclass(found) or not issubclass(found, Sampler):
        raise PluginError(f"{name}: is not a subclass of Sampler (r1.sampling)")
    if missing := sorted(found.__abstractmethods__):
        raise PluginError(f"{name}: lacks {', '.join(missing)}")
    check_takes(name, "Engine(policy, options)", found, None, {})
    return found


class PluggedSampler(Sampler):
    """An engine by import path, see Sampler; its completions are checked before they are saved."""

    def __init__(self, policy: "Policy", engine: PluginEngineConfig) -> None:
        self.path = engine.name
        with naming(f"engine {self.path}"):
            make: Any = engine_class(engine.name)
            self.engine: Sampler = make(policy, dict(engine.options))
            self.name, self.source = str(self.engine.name), str(self.engine.source)

    def close(self) -> None:
        """See Sampler."""
        with naming(f"engine {self.path}"):
            self.engine.close()

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler.

        Raises:
            PluginError: if the engine raises, or omits a completion.
        """
        given = set(done)
        for piece in guarded(f"engine {self.path}", self._pieces(conversations, sampling, seed, done)):
            for completions in piece.values():
                # None at all: the prompt does not fit.
                complete = len(completions) in (0, sampling.num_samples)
                if not complete or not all(isinstance(c, Completion) for c in completions):
                    raise PluginError(f"engine {self.path} must draw {sampling.num_samples} Completions a conversation")
            given |= set(piece)
            yield piece
        if lost := set(range(len(conversations))) - given:
            raise PluginError(f"engine {self.path} drew nothing for {len(lost)} of {len(conversations)} conversations")

    def _pieces(self, *asked: Any) -> Iterator[Drawn]:
        yield from self.engine.draw(*asked)
