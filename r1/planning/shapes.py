"""A decoder's shape: total and active parameters and KV cache, computed from its dimensions.

Counts match transformers' classes; tests/planning compares them with published models and instantiated ones.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from r1.config.models import ArchitectureConfig

_TYPES = ("qwen2", "qwen3", "llama", "deepseek_v3")


@dataclass(frozen=True)
class Latent:
    """Dimensions of multi-head latent attention (arXiv 2412.19437, section 2.1.1)."""

    query_rank: int
    key_value_rank: int
    plain_head: int
    rotary_head: int
    value_head: int


@dataclass(frozen=True)
class Experts:
    """A mixture of routed and shared experts (arXiv 2412.19437, section 2.1.2)."""

    intermediate: int
    routed: int
    shared: int
    per_token: int
    dense_layers: int


@dataclass(frozen=True)
class Shape:
    """Dimensions of a decoder; attention is grouped-query, or latent if `latent` is set.

    Attributes:
        heads, key_value_heads, head: numbers of heads, and their width.
        norms: whether query and key heads are normalised (qwen3).
        biases: whether queries, keys and values have biases (qwen2).
        tied: whether input and output embeddings are tied.
    """

    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    head: int
    vocabulary: int
    tied: bool
    norms: bool = False
    biases: bool = False
    latent: Latent | None = None
    experts: Experts | None = None

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.shared_parameters + self.expert_parameters

    @property
    def active_parameters(self) -> int:
        """Weights that one token meets; of the routed experts only those it is sent to."""
        if self.experts is None:
            return self.parameters
        return self.shared_parameters + self.expert_parameters * self.experts.per_token // self.experts.routed

    @property
    def shared_parameters(self) -> int:
        """Weights that every token meets: all but the routed experts."""
        embeddings = self.vocabulary * self.hidden * (1 if self.tied else 2)
        per_layer = self._attention() + 2 * self.hidden
        dense, sparse = (self.layers, 0) if self.experts is None else (self.experts.dense_layers, self._sparse_layers())
        blocks = dense * 3 * self.hidden * self.intermediate
        if self.experts is not None:
            router = self.experts.routed * self.hidden
            blocks += sparse * (router + self.experts.shared * 3 * self.hidden * self.experts.intermediate)
        return embeddings + self.layers * per_layer + blocks + self.hidden

    @property
    def expert_parameters(self) -> int:
        """Weights of the routed experts."""
        if self.experts is None:
            return 0
        return self._sparse_layers() * self.experts.routed * 3 * self.hidden * self.experts.intermediate

    @property
    def cached_values(self) -> int:
        """Numbers in the KV cache per token, over all layers."""
        if self.latent is not None:
            return self.layers * (self.latent.key_value_rank + self.latent.rotary_head)
        return self.layers * 2 * self.key_value_heads * self.head

    @property
    def active_intermediate(self) -> int:
        """Feed-forward width per token, in the widest kind of layer."""
        if self.experts is None:
            return self.intermediate
        sparse = (self.experts.per_token + self.experts.shared) * self.experts.intermediate
        return max(sparse, self.intermediate if self.experts.dense_layers else 0)

    def touched_parameters(self, tokens: float) -> float:
        """Expected number of weights read in a forward pass over independent, uniformly routed tokens."""
        if self.experts is None:
            return float(self.parameters)
        missed: float = (1 - self.experts.per_token / self.experts.routed) ** tokens
        return self.shared_parameters + self.expert_parameters * (1 - missed)

    def _sparse_layers(self) -> int:
        return 0 if self.experts is None else self.layers - self.experts.dense_layers

    def _attention(self) -> int:
        if self.latent is not None:
            sizes = self.latent
            query = self.hidden * sizes.query_rank + sizes.query_rank
            query += sizes.query_rank * self.heads * (sizes.plain_head + sizes.rotary_head)
            key_value = self.hidden * (sizes.key_value_rank + sizes.rotary_head) + sizes.key_value_rank
            key_value += sizes.key_value_rank * self.heads * (sizes.plain_head + sizes.value_head)
            return query + key_value + self.heads * sizes.value_head * self.hidden
        queries, keys = self.heads * self.head, self.key_value_heads * self.head
        extra = (2 * self.head if self.norms else 0) + (queries + 2 * keys if self.biases else 0)
        return self.hidden * (2 * queries + 2 * keys) + extra


def shape_of(architecture: ArchitectureConfig, vocabulary: int) -> Shape:
    """Return the shape of a base that is pretrained from scratch."""
    return read_shape({**architecture.model_dump(), "vocab_size": vocabulary})


def read_shape(sizes: Mapping[str, Any]) -> Shape:
    """Return the shape that a transformers configuration describes.

    Raises:
        KeyError: if the model type is not supported, or a size is missing.
    """
    kind: str = sizes["model_type"]
    if kind not in _TYPES:
        raise KeyError(kind)
    latent = kind == "deepseek_v3"
    return Shape(
        hidden=sizes["hidden_size"],
        intermediate=sizes["intermediate_size"],
        layers=sizes["num_hidden_layers"],
        heads=sizes["num_attention_heads"],
        key_value_heads=sizes["num_key_value_heads"],
        head=0 if latent else sizes.get("head_dim") or sizes["hidden_size"] // sizes["num_attention_heads"],
        vocabulary=sizes["vocab_size"],
        tied=sizes.get("tie_word_embeddings", False),
        norms=kind == "qwen3",
        biases=kind == "qwen2",
        latent=_latent(sizes) if latent else None,
        experts=_experts(sizes) if latent else None,
    )


def _latent(sizes: Mapping[str, Any]) -> Latent:
    keys = ("q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    return Latent(*(sizes[key] for key in keys))


def _experts(sizes: Mapping[str, Any]) -> Experts:
    keys = (
        "moe_intermediate_size",
        "n_routed_experts",
        "n_shared_experts",
        "num_experts_per_tok",
        "first_k_dense_replace",
    )
    return Experts(*(sizes[key] for key in keys))


def _qwen2(hidden: int, intermediate: int, layers: int, heads: int, kv: int, vocabulary: int, tied: bool) -> Shape:
    return Shape(hidden, intermediate, layers, heads, kv, 128, vocabulary, tied, biases=True)


KnownName = Literal[
    "Qwen2.5-0.5B",
    "Qwen2.5-1.5B",
    "Qwen2.5-7B",
    "Qwen2.5-Math-7B",
    "Qwen2.5-32B",
    "Llama-3.2-1B",
    "Llama-3.1-8B",
    "SmolLM2-135M",
    "DeepSeek-V3",
]

KNOWN: dict[KnownName, Shape] = {
    "Qwen2.5-0.5B": Shape(896, 4864, 24, 14, 2, 64, 151936, tied=True, biases=True),
    "Qwen2.5-1.5B": _qwen2(1536, 8960, 28, 12, 2, 151936, tied=True),
    "Qwen2.5-7B": _qwen2(3584, 18944, 28, 28, 4, 152064, tied=False),
    "Qwen2.5-Math-7B": _qwen2(3584, 18944, 28, 28, 4, 152064, tied=False),
    "Qwen2.5-32B": _qwen2(5120, 27648, 64, 40, 8, 152064, tied=False),
    "Llama-3.2-1B": Shape(2048, 8192, 16, 32, 8, 64, 128256, tied=True),
    "Llama-3.1-8B": Shape(4096, 14336, 32, 32, 8, 128, 128256, tied=False),
    "SmolLM2-135M": Shape(576, 1536, 30, 9, 3, 64, 49152, tied=True),
    "DeepSeek-V3": Shape(
        *(7168, 18432, 61, 128, 128, 0, 129280),
        tied=False,
        latent=Latent(1536, 512, 128, 64, 128),
        experts=Experts(2048, 256, 1, 8, 3),
    ),
}
"""Published models, from the config.json of Qwen/Qwen2.5-*, meta-llama/Llama-3.*, HuggingFaceTB/SmolLM2-135M and
deepseek-ai/DeepSeek-V3-Base on the hub (DeepSeek-V3 also in arXiv 2412.19437, section 4.2). V3's multi-token prediction
module is left out, as in its official count of 671B."""


def find_shape(checkpoint: str) -> Shape | None:
    """Return the shape of a checkpoint, from a directory's config.json or a known model's name; None if neither."""
    config = Path(checkpoint).expanduser() / "config.json"
    if config.is_file():
        try:
            return read_shape(json.loads(config.read_text()))
        except (KeyError, ValueError):
            return None
    name = re.sub(r"(?:-Instruct|-Base)?(?:\.Q\d\w*)?(?:\.gguf)?$", "", checkpoint.rsplit("/", 1)[-1])
    return {str(known): shape for known, shape in KNOWN.items()}.get(name)
