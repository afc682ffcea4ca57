"""Shared by every training: compute settings and optimization."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section

TemplateName = Literal["chat", "r1_zero", "r1_zero_short"]
AttentionName = Literal["sdpa", "eager", "flash_attention_2"]


class LoraConfig(Section):
    """Low-rank adapters (arXiv 2106.09685), trained instead of all weights; names follow peft.

    Attributes:
        r: rank of each adapter.
        alpha: scales adapters by alpha / r.
        dropout: dropout probability on an adapter's input.
        target_modules: names of the linear layers that get an adapter; `all-linear` is all but the head.
    """

    r: PositiveInt
    alpha: PositiveFloat
    dropout: float = Field(ge=0, lt=1)
    target_modules: Literal["all-linear"] | Annotated[tuple[Name, ...], Field(min_length=1)]


class TrainingConfig(Section):
    """Compute settings of every training.

    Attributes:
        mixed_precision: `bf16` computes in bfloat16 with float32 weights and moments; `none` computes in float32.
        gradient_checkpointing: recomputes activations in the backward pass, keeping only each layer's input.
        attention: attention kernel; flash_attention_2 needs the package flash-attn and an NVIDIA GPU.
        packing: fine-tuning concatenates the examples of a micro-batch into one row, without padding and without
            attention across examples; otherwise it sorts them by length and pads. With sdpa and eager, attention costs
            the square of the row, so this pays with flash_attention_2 or where attention is cheap.
        liger: uses Liger's kernels for norms, rotary embeddings and feed-forward layers.
        lora: trains adapters, which are merged before an artifact is written. Pretraining always trains all weights.
    """

    mixed_precision: Literal["none", "bf16"]
    gradient_checkpointing: bool
    attention: AttentionName
    packing: bool
    liger: bool
    lora: LoraConfig | None

    @model_validator(mode="after")
    def _flash_attention_is_half_precise(self) -> Self:
        if self.attention == "flash_attention_2" and self.mixed_precision == "none":
            raise ValueError("attention 'flash_attention_2' computes in bfloat16: set mixed_precision to bf16")
        return self


class OptimizationConfig(Section):
    """AdamW with warm-up, then cosine decay to `min_learning_rate_ratio` of the peak.

    checkpoint_steps: steps between checkpoints; a killed run resumes from the last one.
    """

    learning_rate: PositiveFloat
    min_learning_rate_ratio: Probability
    warmup_ratio: Probability
    weight_decay: NonNegativeFloat
    batch_size: PositiveInt
    micro_batch_size: PositiveInt
    max_length: PositiveInt
    checkpoint_steps: PositiveInt

    @model_validator(mode="after")
    def _micro_divides(self) -> Self:
        if self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of micro_batch_size {self.micro_batch_size}"
            )
        return self


def check_batch(batch_size: int, micro_batch_size: int, num_processes: int) -> None:
    """Reject a batch that the processes cannot split evenly.

    Args:
        batch_size: rows per optimizer step, over all processes.
        micro_batch_size: maximum rows that a process passes through the model at a time.
        num_processes: number of training processes.

    Raises:
        ValueError: naming all three.
    """
    share, rest = divmod(batch_size, num_processes)
    if rest or share % min(micro_batch_size, share):
        raise ValueError(
            f"batch_size {batch_size} must be a multiple of {num_processes} processes, and the share of each "
            f"a multiple of micro_batch_size {micro_batch_size} or below it"
        )
