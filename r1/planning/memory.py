"""Bytes on each device at the peak of a stage."""

from dataclasses import dataclass, field
from typing import Literal

from r1.planning.shapes import Shape

PrecisionName = Literal["bf16", "bf16+fp32", "fp32"]
ParallelismName = Literal["ddp", "zero3"]


@dataclass(frozen=True)
class Precision:
    """Bytes per parameter of what training keeps, and per number of activations and caches."""

    weights: int
    gradients: int
    optimizer: int
    numbers: int


PRECISIONS: dict[PrecisionName, Precision] = {
    # AdamW's two moments take the weights' type, which r1/models/loading.py makes bfloat16 on a GPU.
    "bf16": Precision(2, 2, 4, 2),
    # Mixed precision as in ZeRO (arXiv 1910.02054, section 3.1): moments and a copy of the weights in float32.
    "bf16+fp32": Precision(2, 2, 12, 2),
    "fp32": Precision(4, 4, 8, 4),
}

FREE = 0.1
"""Share of the memory that is left to the driver's context and to fragmentation; an assumption."""


@dataclass(frozen=True)
class Memory:
    """Bytes by what needs them, on one device.

    Training and sampling take turns: of activations with logits, and the trainer's own cache, the larger counts.

    Attributes:
        frozen: weights that do not learn: reference policy, reward models.
        engine: what a colocated vLLM reserves for its own weights and cache.
        full_logits: what the logits would need if no fused head kept them in tiles; not part of the total.
    """

    weights: float = 0.0
    gradients: float = 0.0
    optimizer: float = 0.0
    frozen: float = 0.0
    activations: float = 0.0
    logits: float = 0.0
    cache: float = 0.0
    engine: float = 0.0
    full_logits: float = field(default=0.0, compare=False)

    @property
    def total(self) -> float:
        """At the peak."""
        kept = self.weights + self.gradients + self.optimizer + self.frozen + self.engine
        return kept + max(self.activations + self.logits, self.cache)


def training_memory(
    shape: Shape,
    precision: Precision,
    shards: int,
    sequences: int,
    length: int,
    *,
    checkpointing: bool,
    fused_head: bool,
    critics: int = 0,
    frozen: int = 0,
) -> Memory:
    """Of one training step.

    Args:
        shape: of the policy.
        precision: of its training.
        shards: devices over which ZeRO-3 cuts weights, gradients and moments; 1 under DDP.
        sequences, length: of a micro-batch on one device.
        checkpointing: activations are kept only between layers (TRL's default; not that of plain pretraining).
        fused_head: the logits never stand in memory as a whole (TRL 1.16's add_fused_lm_head).
        critics: further models of the same size that learn.
        frozen: further models of the same size that do not.
    """
    learning = shape.parameters * (1 + critics) / shards
    logits = 2.0 * sequences * length * shape.vocabulary * 4  # in float32, with their gradient
    return Memory(
        weights=learning * precision.weights,
        gradients=learning * precision.gradients,
        optimizer=learning * precision.optimizer,
        frozen=shape.parameters * frozen / shards * precision.weights,
        activations=activation_bytes(shape, precision, sequences * length, checkpointing),
        logits=0.0 if fused_head else logits,
        full_logits=logits,
    )


def activation_bytes(shape: Shape, precision: Precision, tokens: float, checkpointing: bool) -> float:
    """Kept between forward and backward pass (arXiv 2205.05198, equation 2 and section 5), without its 5as/h.

    Attention's scores are recomputed by torch's fused attention, and there is no dropout. Their 34 bytes per token
    and hidden unit become, at 2 bytes a number: 4 of the norms' inputs, 10 of attention (its input, queries, keys,
    values, what it gives to the projection), and of a gated feed-forward part 2 and 4 times its width. A layer
    under checkpointing keeps its input alone, and one layer at a time is there as a whole.
    """
    per_number = precision.numbers
    layer = per_number * (8 * shape.hidden + 4 * shape.active_intermediate)
    kept = shape.layers * per_number * shape.hidden + layer if checkpointing else shape.layers * layer
    return tokens * kept


def cache_bytes(shape: Shape, precision: Precision, sequences: float, length: float) -> float:
    """The KV cache of so many sequences of that length (tokens)."""
    return sequences * length * shape.cached_values * precision.numbers
