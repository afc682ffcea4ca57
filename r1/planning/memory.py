"""Bytes on each device at the peak of a stage."""

from dataclasses import dataclass, replace

from r1.config.training import LoraConfig, TrainingConfig
from r1.planning.shapes import Shape

FREE = 0.1
"""Share of the memory that is left to the driver's context and to fragmentation; an assumption."""

FLOAT32, BFLOAT16 = 4, 2


TILE = 4096, 32_768
"""Tokens and vocabulary of the logits that a fused head has at once (TRL 1.16, trl/kernels/chunked_logprob.py)."""
TILES_WITHOUT_TRITON = 7
"""Of float32 beside it on a CPU: logits, scaled, log-probabilities, probabilities, one-hot, product, gradient."""


@dataclass(frozen=True)
class Memory:
    """Bytes by what needs them, on one device.

    Training and sampling take turns: of training's part and the trainer's own cache, the larger counts.

    Attributes:
        frozen: weights that do not learn: reference policy, reward models.
        copies: weights in the type that is computed in, or gathered from other devices.
        working: what the layer at work needs beside: all of it where it is computed anew, and gradients.
        logits: what the head at work needs, and the gradient of its weights.
        engine: what a colocated vLLM reserves for its own weights and cache.
        accumulates: gradients wait while the next micro-batch is computed.
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
        """At the peak: as the backward pass starts, or as it ends, when gradients have taken activations' place."""
        kept = self.weights + self.optimizer + self.frozen + self.engine
        start = self.copies + self.activations + max(self.working, self.logits)
        start += self.gradients if self.accumulates else 0.0
        return kept + max(start, self.gradients + self.working, self.cache)


def compute_bytes(options: TrainingConfig) -> int:
    """Per number that matrices are multiplied in."""
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
    """Of one training step, by torch's automatic mixed precision: weights, gradients and both moments in float32.

    Args:
        shape: of the policy.
        options: of its training.
        shards: devices over which ZeRO-3 or FSDP2 cut weights, gradients and moments; 1 under DDP.
        sequences, length: of a micro-batch on one device.
        accumulates: a step has several micro-batches.
        on_cpu: without Triton.
        fused_head: the logits never stand in memory as a whole (TRL 1.16's add_fused_lm_head).
        critics: further models of the same size that learn.
        references: further models of the same size that do not; under adapters the policy without them is one.
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
    """Two matrices of rank r beside each linear layer but the head; named modules are taken for all of them."""
    query, key = _widths(shape)
    sides = 2 * (shape.hidden + query) + 2 * (shape.hidden + key) + 3 * (shape.hidden + shape.active_intermediate)
    return shape.layers * lora.r * sides


def _head_bytes(shape: Shape, options: TrainingConfig, tokens: int, fused: bool, on_cpu: bool) -> float:
    """Logits, their log-softmax and its gradient in float32 as a whole, or in tiles."""
    number = compute_bytes(options)
    gradient = 0 if options.lora else shape.vocabulary * shape.hidden * FLOAT32
    if not fused:
        return float(tokens * shape.vocabulary * (3 * FLOAT32 + (number if number < FLOAT32 else 0)) + gradient)
    tile = min(tokens, TILE[0]) * min(shape.vocabulary, TILE[1])
    return float(tile * (number + (TILES_WITHOUT_TRITON * FLOAT32 if on_cpu else 0)) + gradient)


def _copies(shape: Shape, options: TrainingConfig, shards: int, models: int) -> float:
    """Autocast keeps its bfloat16 copy of each float32 weight until the forward pass ends; frozen ones need none.

    Over several devices what is computed with is gathered, layer by layer with the next one fetched ahead, beside the
    embedding.
    """
    number = compute_bytes(options)
    if shards > 1:
        embedding = shape.vocabulary * shape.hidden
        layer = (shape.parameters - embedding * (1 if shape.tied else 2)) / shape.layers
        return number * (embedding + 2 * layer)
    return models * shape.parameters * number if number < FLOAT32 and options.lora is None else 0.0


def activation_bytes(shape: Shape, options: TrainingConfig, tokens: float) -> tuple[float, float]:
    """Kept between forward and backward pass, counted in the spirit of arXiv 2205.05198 on transformers' modules.

    Per layer and token, b bytes a number in matrices and 4 elsewhere: each of two norms keeps its input and the
    normalised input (float32, as the residual stream is) and gives a matrix its own (b); attention keeps rotated
    queries and keys, values, its output and a transposed copy of it; norms on heads, where there are some, keep what
    they read and normalise; the gated feed-forward part keeps gate, activation, other half and product. Scores are
    recomputed by fused attention. Checkpointed layers keep their input alone. Liger's kernels would keep less, which
    is not counted.

    Returns:
        What is kept, and what the layer at work needs: gradients of its feed-forward part, and all of its own where it
        is computed anew.
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
    """Of all queries and of all keys of a token."""
    if shape.latent is not None:
        width = shape.heads * (shape.latent.plain_head + shape.latent.rotary_head)
        return width, width
    return shape.heads * shape.head, shape.key_value_heads * shape.head


def cache_bytes(shape: Shape, number: int, sequences: float, length: float) -> float:
    """The KV cache of so many sequences of that length (tokens), at so many bytes a number."""
    return sequences * length * shape.cached_values * number


def with_judges(memory: Memory, parameters: float, number: int) -> Memory:
    """Reward models of so many weights in all stand whole on each device."""
    return replace(memory, frozen=memory.frozen + parameters * number)
