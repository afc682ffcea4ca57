"""Base models: architectures, checkpoints, pretraining."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Section
from r1.config.training import OptimizationConfig, TemplateName


class DenseArchitectureConfig(Section):
    """A dense decoder, `qwen3` or `llama`; names follow transformers.

    Not qwen2: AutoTokenizer loads any tokenizer saved with a qwen2 model as Qwen2's own, which would silently tokenize
    text differently than in training.
    """

    model_type: Literal["qwen3", "llama"]
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    num_key_value_heads: PositiveInt
    head_dim: PositiveInt
    max_position_embeddings: PositiveInt
    tie_word_embeddings: bool

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} must be a multiple of "
                f"num_key_value_heads {self.num_key_value_heads}"
            )
        return self


class DeepseekV3ArchitectureConfig(Section):
    """R1's architecture: multi-head latent attention and a mixture of experts; names follow transformers.

    vLLM's CPU kernel requires kv_lora_rank + qk_rope_head_dim = 576 (measured).
    """

    model_type: Literal["deepseek_v3"]
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    moe_intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    first_k_dense_replace: int = Field(ge=0)
    num_attention_heads: PositiveInt
    num_key_value_heads: PositiveInt
    q_lora_rank: PositiveInt
    kv_lora_rank: PositiveInt
    qk_nope_head_dim: PositiveInt
    qk_rope_head_dim: PositiveInt
    v_head_dim: PositiveInt
    n_routed_experts: PositiveInt
    n_shared_experts: PositiveInt
    num_experts_per_tok: PositiveInt
    n_group: PositiveInt
    topk_group: PositiveInt
    topk_method: Literal["noaux_tc"]
    scoring_func: Literal["sigmoid"]
    routed_scaling_factor: PositiveFloat
    max_position_embeddings: PositiveInt
    tie_word_embeddings: bool

    @model_validator(mode="after")
    def _experts_suffice(self) -> Self:
        if self.num_experts_per_tok > self.n_routed_experts:
            raise ValueError(
                f"num_experts_per_tok {self.num_experts_per_tok} exceeds n_routed_experts {self.n_routed_experts}"
            )
        return self


ArchitectureConfig = Annotated[
    DenseArchitectureConfig | DeepseekV3ArchitectureConfig, Field(discriminator="model_type")
]


class PretrainConfig(OptimizationConfig):
    """Pretraining of a miniature base from scratch on the corpus."""

    vocab_size: int = Field(ge=300)
    max_steps: PositiveInt


class BaseConfig(Section):
    """A base model: pretrained here (architecture + pretraining), or an existing checkpoint.

    Attributes:
        checkpoint: hub id, local directory, or a .gguf file; outside the project only as an absolute path or with `~`.
        chat_template: prompt template; null keeps the checkpoint's own.
        worked_examples: number put before every question in the checkpoint's own template, since a small model that
            never saw R1-Zero's form does not follow an instruction to use it; a fine-tuning stage with
            `chat_template: own` drops them.
    """

    checkpoint: str | None
    architecture: ArchitectureConfig | None
    pretraining: PretrainConfig | None
    chat_template: TemplateName | None
    worked_examples: int = Field(ge=0, le=2)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.checkpoint is None and (self.architecture is None or self.pretraining is None):
            raise ValueError("needs a checkpoint, or architecture and pretraining to make one from scratch")
        if self.checkpoint is None and self.chat_template is None:
            raise ValueError("chat_template: a base from scratch needs one, null keeps a checkpoint's own")
        if self.worked_examples and self.chat_template is not None:
            raise ValueError(
                f"worked_examples {self.worked_examples}: open a checkpoint's own template alone; "
                f"chat_template {self.chat_template} tells the form itself"
            )
        return self
