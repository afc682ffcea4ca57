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
        copies: weights in the compute dtype.
        gathered: weights in the compute dtype, gathered from other devices for the layers being computed.
        working: scratch space of the current layer: its gradients, and under checkpointing its recomputed activations.
        logits: scratch space of the output head, and the gradient of its weights.
        judging: activations of a batch of a reward model.
        engine: reserved by a colocated vLLM for its weights and KV cache.
        sleeps: whether that engine gives its memory back while the trainer computes.
        accumulates: whether gradients stay allocated while the next micro-batch is computed.
    """

    weights: float = 0.0
    gradients: float = 0.0
    optimizer: float = 0.0
    frozen: float = 0.0
    copies: float = 0.0
    gathered: float = 0.0
    activations: float = 0.0
    working: float = 0.0
    logits: float = 0.0
    judging: float = 0.0
    cache: float = 0.0
    engine: float = 0.0
    sleeps: bool = False
    accumulates: bool = False

    @property
    def compute_weights(self) -> float:
        """Weights held a second time to compute with: copied, or gathered."""
        return self.copies + self.gathered

    @property
    def total(self) -> float:
        """Peak: at the start of the backward pass, or at its end, when gradients have replaced activations."""
        kept = self.weights + self.optimizer + self.frozen
        start = self.copies + self.activations + max(self.working, self.logits)
        start += self.gradients if self.accumulates else 0.0
        computing = max(start, self.gradients + self.working, self.judging)
        training = max(self.gathered + computing, self.cache)
        return kept + (max(training, self.engine) if self.sleeps else training + self.engine)


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
    """Memory of one training step: weights, gradients and both moments in float32.

    Under DDP that is torch's automatic mixed precision, whose autocast keeps a bfloat16 copy of each weight to be
    trained until the forward pass ends. FSDP2 gathers a layer's weights in the compute dtype instead; its gradient is
    held in that dtype and as the reduction's float32 input, while that of the previous layer may still be on its way.

    Args:
        shape: shape of the policy.
        options: training options.
        shards: devices over which ZeRO-3 or FSDP2 shards weights, gradients and moments, and the weights of frozen
            models, which are read layer by layer too; 1 under DDP.
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
    # Between layers autocast keeps float32; FSDP2 and ZeRO-3 the compute dtype.
    residual = FLOAT32 if shards == 1 else number
    activations, working = activation_bytes(shape, options, sequences * length, residual)
    if shards > 1:
        working += layer_parameters(shape) * (number + 2 * FLOAT32)
    return Memory(
        weights=weights / shards,
        gradients=learning * FLOAT32 / shards,
        optimizer=2 * learning * FLOAT32 / shards,
        frozen=0.0 if lora else references * shape.parameters * FLOAT32 / shards,
        copies=(1 + critics) * shape.parameters * number if shards == 1 and number < FLOAT32 and lora is None else 0.0,
        gathered=gathered_bytes(shape, number) if shards > 1 else 0.0,
        activations=activations,
        working=working,
        logits=_head_bytes(shape, options, sequences * length, fused_head, on_cpu, shards > 1),
        accumulates=accumulates,
    )


def adapter_parameters(shape: Shape, lora: LoraConfig) -> int:
    """Two rank-r matrices for each linear layer but the head; `target_modules` is taken to name all of them."""
    query, key = _widths(shape)
    sides = 2 * (shape.hidden + query) + 2 * (shape.hidden + key) + 3 * (shape.hidden + shape.active_intermediate)
    return shape.layers * lora.r * sides


def _head_bytes(shape: Shape, options: TrainingConfig, tokens: int, fused: bool, on_cpu: bool, reduced: bool) -> float:
    """Logits, their log-softmax and its gradient in float32, either all at once or in tiles; the head's own gradient.

    A gradient that is to be reduced is also held in the compute dtype and, for the reduction, in float32 again.
    """
    number = compute_bytes(options)
    copies = FLOAT32 + (number + FLOAT32 if reduced else 0)
    gradient = 0 if options.lora else shape.vocabulary * shape.hidden * copies
    if not fused:
        return float(tokens * shape.vocabulary * (3 * FLOAT32 + (number if number < FLOAT32 else 0)) + gradient)
    tile = min(tokens, TILE[0]) * min(shape.vocabulary, TILE[1])
    return float(tile * (number + (TILES_WITHOUT_TRITON * FLOAT32 if on_cpu else 0)) + gradient)


def layer_parameters(shape: Shape) -> float:
    """Mean weights of a decoder layer: a unit of FSDP2."""
    return (shape.parameters - shape.vocabulary * shape.hidden * (1 if shape.tied else 2)) / shape.layers


def gathered_bytes(shape: Shape, number: int) -> float:
    """Bytes of the weights that FSDP2 gathers at a time: the head, a layer, and the next layer, which it prefetches.

    accelerate keeps the head gathered from the forward to the backward pass.
    """
    return number * (shape.vocabulary * shape.hidden + 2 * layer_parameters(shape))


def activation_bytes(
    shape: Shape, options: TrainingConfig, tokens: float, residual: int = FLOAT32
) -> tuple[float, float]:
    """Activations kept between forward and backward pass, counted as in arXiv 2205.05198, for transformers' modules.

    Per layer and token, with b bytes per number in matrix products and 4 elsewhere: each of the two norms keeps its
    input and the normalised input (float32, like the residual stream) and a copy for the next matrix product (b);
    attention keeps rotated queries and keys, values, its output and a transposed copy of it; head norms, if any, keep
    their input and the normalised input; the gated feed-forward block keeps gate, activation, up-projection and
    product. Fused attention recomputes the scores. A checkpointed layer keeps only its input, with `residual` bytes per
    number. Liger's kernels keep less, which is ignored here.

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
        return tokens * shape.layers * residual * shape.hidden, tokens * (layer + forward)
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


JUDGED_TOKENS = 16_384
"""Tokens of a reward model's batch, as r1/rewards/preference.py's BATCH_TOKENS."""


def with_judges(memory: Memory, shape: Shape, count: int, number: int, shards: int) -> Memory:
    """Add reward models of this shape: their weights, and the activations of one layer for the largest batch.

    Per token a layer holds its input, the normalised input in float32 and in the compute dtype, and the feed-forward
    block's gate, activation, up-projection and product.

    Args:
        memory: of the training.
        shape: of each reward model.
        count: number of reward models, which score one after the other.
        number: bytes per weight.
        shards: devices that share the weights; 1 if each has them all.
    """
    batch = JUDGED_TOKENS * (shape.hidden * (2 * number + FLOAT32) + 4 * number * shape.active_intermediate)
    return replace(memory, frozen=memory.frozen + count * shape.parameters * number / shards, judging=float(batch))
