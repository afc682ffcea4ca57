"""Peak memory of a stage, in bytes per device."""

from dataclasses import dataclass, replace

from r1.config.training import LoraConfig, TrainingConfig
from r1.planning.shapes import Shape

FREE = 0.1
"""Share of memory left for the driver's context and fragmentation; an assumption."""

FLOAT32, BFLOAT16 = 4, 2


TILE = 4096, 32_768
"""Tokens and vocabulary entries that a fused head computes at a time (TRL 1.16, trl/kernels/chunked_logprob.py)."""
TILES_WITHOUT_TRITON = 7
"""Further float32 tiles on a CPU: logits, scaled, log-probabilities, probabilities, one-hot, product, gradient."""


@dataclass(frozen=True)
class Memory:
    """Bytes per device, by purpose.

    Training and the trainer's own sampling alternate, so only the larger of the two counts.

    Attributes:
        frozen: frozen weights: reference policy, reward models.
        copies: weights in the compute dtype, or gathered from other devices.
        working: scratch space of the current layer: its gradients, and under checkpointing its recomputed activations.
        logits: scratch space of the output head, and the gradient of its weights.
        engine: reserved by a colocated vLLM for its weights and KV cache.
        accumulates: whether gradients stay allocated while the next micro-batch is computed.
    """

    weights: float = 0.0
    gradients: float = 0.0
    optimizer: float = 0.0
    frozen: float = 0.0
    copies: float = 0.0
    activations: float = 0.0
    working: float = 0.0
    logits: float = 0.0
    cache: float = 0.0
    engine: float = 0.0
    accumulates: bool = False

    @property
    def total(self) -> float:
        """Peak: at the start of the backward pass, or at its end, when gradients have replaced activations."""
        kept = self.weights + self.optimizer + self.frozen + self.engine
        start = self.copies + self.activations + max(self.working, self.logits)
        start += self.gradients if self.accumulates else 0.0
        return kept + max(start, self.gradients + self.working, self.cache)


def compute_bytes(options: TrainingConfig) -> int:
    """Bytes per number in matrix products."""
    return BFLOAT16 if options.mixed_precision == "bf16" else FLOAT32


def training_memory(
    shape: Shape,
    options: TrainingConfig,
    shards: int,
    sequences: int,
    length: int,
    *,
    accumulates: bool,
    on_cpu: bool = False,
    fused_head: bool = True,
    critics: int = 0,
    references: int = 0,
) -> Memory:
    """Memory of one training step: weights, gradients and both moments in float32 (torch's automatic mixed precision).

    Args:
        shape: shape of the policy.
        options: training options.
        shards: devices over which ZeRO-3 or FSDP2 shards weights, gradients and moments; 1 under DDP.
        sequences, length: size of a micro-batch on one device.
        accumulates: True if an optimizer step has several micro-batches.
        on_cpu: True without Triton.
        fused_head: True if the full logits are never materialized (TRL 1.16's add_fused_lm_head).
        critics: number of further trained models of the same size.
        references: number of frozen ones; with LoRA the policy without its adapters serves as reference.
    """
    number, lora = compute_bytes(options), options.lora
    learning = shape.parameters * (1 + critics) if lora is None else adapter_parameters(shape, lora)
    weights = learning * FLOAT32 + (0 if lora is None else shape.parameters * number)
    activations, working = activation_bytes(shape, options, sequences * length)
    return Memory(
        weights=weights / shards,
        gradients=learning * FLOAT32 / shards,
        optimizer=2 * learning * FLOAT32 / shards,
        frozen=0.0 if lora else references * shape.parameters * FLOAT32 / shards,
        copies=_copies(shape, options, shards, 1 + critics),
        activations=activations,
        working=working,
        logits=_head_bytes(shape, options, sequences * length, fused_head, on_cpu),
        accumulates=accumulates,
    )


def adapter_parameters(shape: Shape, lora: LoraConfig) -> int:
    """Two rank-r matrices for each linear layer but the head; `target_modules` is taken to name all of them."""
    query, key = _widths(shape)
    sides = 2 * (shape.hidden + query) + 2 * (shape.hidden + key) + 3 * (shape.hidden + shape.active_intermediate)
    return shape.layers * lora.r * sides


def _head_bytes(shape: Shape, options: TrainingConfig, tokens: int, fused: bool, on_cpu: bool) -> float:
    """Logits, their log-softmax and its gradient in float32, either all at once or in tiles."""
    number = compute_bytes(options)
    gradient = 0 if options.lora else shape.vocabulary * shape.hidden * FLOAT32
    if not fused:
        return float(tokens * shape.vocabulary * (3 * FLOAT32 + (number if number < FLOAT32 else 0)) + gradient)
    tile = min(tokens, TILE[0]) * min(shape.vocabulary, TILE[1])
    return float(tile * (number + (TILES_WITHOUT_TRITON * FLOAT32 if on_cpu else 0)) + gradient)


def _copies(shape: Shape, options: TrainingConfig, shards: int, models: int) -> float:
    """Autocast keeps a bfloat16 copy of each float32 weight until the forward pass ends; frozen weights need none.

    Sharded weights are gathered layer by layer, with the next layer prefetched; the embedding stays gathered.
    """
    number = compute_bytes(options)
    if shards > 1:
        embedding = shape.vocabulary * shape.hidden
        layer = (shape.parameters - embedding * (1 if shape.tied else 2)) / shape.layers
        return number * (embedding + 2 * layer)
    return models * shape.parameters * number if number < FLOAT32 and options.lora is None else 0.0


def activation_bytes(shape: Shape, options: TrainingConfig, tokens: float) -> tuple[float, float]:
    """Activations kept between forward and backward pass, counted as in arXiv 2205.05198, for transformers' modules.

    Per layer and token, with b bytes per number in matrix products and 4 elsewhere: each of the two norms keeps its
    input and the normalised input (float32, like the residual stream) and a copy for the next matrix product (b);
    attention keeps rotated queries and keys, values, its output and a transposed copy of it; head norms, if any, keep
    their input and the normalised input; the gated feed-forward block keeps gate, activation, up-projection and
    product. Fused attention recomputes the scores. A checkpointed layer keeps only its input. Liger's kernels keep
    less, which is ignored here.

    Returns:
        Bytes kept, and scratch bytes of the current layer: gradients of its feed-forward block, and under checkpointing
        all of its recomputed activations.
    """
    number = compute_bytes(options)
    query, key = _widths(shape)
    norms = 2 * shape.hidden * (2 * FLOAT32 + number)
    heads = number * (3 * query + 2 * key) + ((FLOAT32 + number) * (query + key) if shape.norms else 0)
    forward = 4 * number * shape.active_intermediate
    layer = norms + heads + forward
    if options.gradient_checkpointing:
        return tokens * shape.layers * FLOAT32 * shape.hidden, tokens * (layer + forward)
    return tokens * shape.layers * layer, tokens * forward


def _widths(shape: Shape) -> tuple[int, int]:
    """Width of all queries and of all keys of a token."""
    if shape.latent is not None:
        width = shape.heads * (shape.latent.plain_head + shape.latent.rotary_head)
        return width, width
    return shape.heads * shape.head, shape.key_value_heads * shape.head


def cache_bytes(shape: Shape, number: int, sequences: float, length: float) -> float:
    """Bytes of the KV cache of `sequences` sequences of `length` tokens, with `number` bytes per value."""
    return sequences * length * shape.cached_values * number


def with_judges(memory: Memory, parameters: float, number: int) -> Memory:
    """Add reward models with this many weights in total, unsharded on each device."""
    return replace(memory, frozen=memory.frozen + parameters * number)
