"""Sampling of completions: one interface; in-process engines of the same distribution, replicas, or an endpoint."""

from pathlib import Path

from r1.config import Engine, OpenaiEngine, RayEngine, TransformersEngine
from r1.sampling.interface import Completion, Conversation, Sampler

__all__ = ["Completion", "Conversation", "Sampler", "open_sampler"]


def open_sampler(model: Path, engine: Engine, checkpoints: Path | None = None) -> Sampler:
    """The engine of the configuration, with the model loaded. Imports only the engine that is asked for.

    Args:
        model: a model directory; an endpoint serves its own instead.
        engine: which, and how.
        checkpoints: a folder where finished completions are kept, so that a killed run goes on from there.
    """
    sampler = _open(model, engine)
    if checkpoints is None:
        return sampler
    from r1.sampling.journal import Resumed

    return Resumed(sampler, checkpoints / "completions.jsonl")


def _open(model: Path, engine: Engine) -> Sampler:
    if isinstance(engine, TransformersEngine):
        from r1.sampling.transformers_engine import TransformersSampler

        return TransformersSampler(model, engine)
    if isinstance(engine, OpenaiEngine):
        from r1.sampling.openai_engine import OpenaiSampler

        return OpenaiSampler(engine)
    if isinstance(engine, RayEngine):
        from r1.sampling.ray_engine import RaySampler

        return RaySampler(model, engine)
    from r1.sampling.vllm_engine import VllmSampler

    return VllmSampler(model, engine)
