"""Sampling of completions: one interface, two engines with the same distribution."""

from pathlib import Path

from r1.config import Engine, TransformersEngine
from r1.sampling.interface import Completion, Conversation, Sampler

__all__ = ["Completion", "Conversation", "Sampler", "open_sampler"]


def open_sampler(model: Path, engine: Engine) -> Sampler:
    """The engine of the configuration, with the model loaded. Imports only the engine that is asked for."""
    if isinstance(engine, TransformersEngine):
        from r1.sampling.transformers_engine import TransformersSampler

        return TransformersSampler(model, engine)
    from r1.sampling.vllm_engine import VllmSampler

    return VllmSampler(model, engine)
