"""Sampling of completions behind one interface: in-process engines, replicas, or an endpoint."""

from pathlib import Path
from typing import TYPE_CHECKING

from r1.config.sampling import (
    EngineConfig,
    OpenaiEngineConfig,
    PluginEngineConfig,
    RayEngineConfig,
    TransformersEngineConfig,
    VllmEngineConfig,
)
from r1.sampling.interface import Completion, Conversation, Sampler

if TYPE_CHECKING:
    from r1.models.policy import Policy

__all__ = ["Completion", "Conversation", "Sampler", "open_sampler"]


def open_sampler(policy: "Policy", engine: EngineConfig, checkpoints: Path | None = None) -> Sampler:
    """Open the configured engine, with the model loaded. Imports only that engine.

    Args:
        policy: model to sample from; an endpoint serves its own instead.
        engine: engine and its settings.
        checkpoints: folder that saves finished completions, so that a killed run resumes from there.
    """
    sampler = _open(policy, engine)
    if checkpoints is None:
        return sampler
    from r1.sampling.journal import Resumed

    return Resumed(sampler, checkpoints / "completions.jsonl")


def _open(policy: "Policy", engine: EngineConfig) -> Sampler:
    known = policy.directory.is_dir()  # an endpoint or a plug-in may need no model on this machine
    if isinstance(engine, OpenaiEngineConfig):
        from r1.sampling.openai_engine import OpenaiSampler

        return OpenaiSampler(engine, policy.stop_strings if known else [])
    sampler = _open_rendered(policy, engine)
    if not known:
        return sampler
    from r1.sampling.framed import Framed

    return Framed(sampler, policy)


def _open_rendered(
    policy: "Policy", engine: TransformersEngineConfig | RayEngineConfig | PluginEngineConfig | VllmEngineConfig
) -> Sampler:
    """Open an engine for prompts that the policy's own template renders."""
    if isinstance(engine, TransformersEngineConfig):
        from r1.sampling.transformers_engine import TransformersSampler

        return TransformersSampler(policy, engine)
    if isinstance(engine, RayEngineConfig):
        from r1.sampling.ray_engine import RaySampler

        return RaySampler(policy, engine)
    if isinstance(engine, PluginEngineConfig):
        from r1.sampling.plugged_engine import PluggedSampler

        return PluggedSampler(policy, engine)
    from r1.sampling.vllm_engine import VllmSampler

    return VllmSampler(policy, engine)
