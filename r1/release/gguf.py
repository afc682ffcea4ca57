"""GGUF files for llama.cpp, of the qwen3, qwen2 and llama architectures.

The format and the names of its keys and tensors are the `gguf` package's. Matrices are written in the asked dtype,
vectors in float32, as llama.cpp's own converter does. Tensors go from the safetensors files to the GGUF file one by
one, so a model need not fit in memory.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from transformers import AutoConfig, PretrainedConfig, PreTrainedTokenizerBase

from r1.finished import Finished
from r1.models.policy import Policy
from r1.models.turns import end_of_turn
from r1.release.form import CannotExport, DtypeName, check_finite
from r1.release.pre_tokenizers import llama_cpp_name

if TYPE_CHECKING:
    from gguf import GGUFWriter

ARCHITECTURES = ("qwen3", "qwen2", "llama")


def write_gguf(model: Finished, path: Path, dtype: DtypeName) -> None:
    """Write a model as one GGUF file with weights, tokenizer, chat template and stop tokens.

    Raises:
        CannotExport: if the `gguf` package is missing, or llama.cpp has no form for the architecture, its positions or
            its tokenizer.
    """
    try:
        import gguf
    except ImportError as error:
        raise CannotExport("--format gguf needs the gguf package: pip install 'gguf>=0.19'") from error
    config = AutoConfig.from_pretrained(model.directory, trust_remote_code=False)
    _check(model, config)
    policy = Policy(model.directory)
    pre_tokenizer = llama_cpp_name(policy.tokenizer)
    if pre_tokenizer is None:
        raise CannotExport(f"{model.name}: llama.cpp has no pre-tokenizer like its tokenizer's; export a directory")
    writer = gguf.GGUFWriter(path, config.model_type)
    writer.add_name(model.name)
    _add_shape(writer, config)
    writer.add_file_type(
        gguf.LlamaFileType.MOSTLY_BF16 if dtype == "bfloat16" else gguf.LlamaFileType.MOSTLY_F16  # of the matrices
    )
    _add_tokenizer(writer, policy, pre_tokenizer, config.vocab_size)
    kinds = {
        torch.float32: gguf.GGMLQuantizationType.F32,
        torch.float16: gguf.GGMLQuantizationType.F16,
        torch.bfloat16: gguf.GGMLQuantizationType.BF16,
    }
    tensors = _Tensors(model, config, dtype)
    for name, tensor in tensors:
        data = tensor.view(torch.uint8).numpy()
        writer.add_tensor_info(name, data.shape, data.dtype, data.nbytes, kinds[tensor.dtype])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, tensor in tensors:
        writer.write_tensor_data(tensor.view(torch.uint8).numpy())
    writer.close()


def _check(model: Finished, config: PretrainedConfig) -> None:
    kind = config.model_type
    if kind not in ARCHITECTURES:
        raise CannotExport(
            f"{model.name} is a {kind}; GGUF is written for {', '.join(ARCHITECTURES)}; export a directory"
        )
    rope = config.rope_parameters["rope_type"]
    if rope not in ("default", "llama3"):
        raise CannotExport(f"{model.name}: rope_type {rope} is not written to GGUF; export a directory")
    if getattr(config, "use_sliding_window", False):
        raise CannotExport(f"{model.name}: llama.cpp's {kind} has no sliding window; export a directory")


def _head_size(config: PretrainedConfig) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def _add_shape(writer: "GGUFWriter", config: PretrainedConfig) -> None:
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(_head_size(config))
    writer.add_value_length(_head_size(config))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(_head_size(config))
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])


def _add_tokenizer(writer: "GGUFWriter", policy: Policy, pre_tokenizer: str, vocab_size: int) -> None:
    """Tokens, merges, stop tokens and template. `vocab_size` is that of the embedding, which may be padded."""
    from gguf import TokenType

    tokenizer = policy.tokenizer
    written = json.loads(tokenizer.backend_tokenizer.to_str())
    tokens, kinds = [f"[PAD{number}]" for number in range(vocab_size)], [TokenType.UNUSED] * vocab_size
    for token, number in written["model"]["vocab"].items():
        tokens[number], kinds[number] = token, TokenType.NORMAL
    for added in written["added_tokens"]:
        kind = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        tokens[added["id"]], kinds[added["id"]] = added["content"], kind
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(
        [merge if isinstance(merge, str) else " ".join(merge) for merge in written["model"]["merges"]]
    )
    _add_ends(writer, tokenizer)
    if tokenizer.chat_template:
        writer.add_chat_template(str(tokenizer.get_chat_template()))


def _add_ends(writer: "GGUFWriter", tokenizer: PreTrainedTokenizerBase) -> None:
    """The tokens that begin a text and end a turn; llama.cpp stops at both `eos` and `eot`."""
    bos = tokenizer.bos_token_id
    if bos is not None:
        writer.add_bos_token_id(bos)
    writer.add_add_bos_token(bos is not None and tokenizer("1")["input_ids"][:1] == [bos])
    if tokenizer.eos_token_id is not None:
        writer.add_eos_token_id(tokenizer.eos_token_id)
    if tokenizer.chat_template:
        writer.add_eot_token_id(end_of_turn(tokenizer))
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)


class _Tensors:
    """A model's tensors under llama.cpp's names; every pass reads them from the files anew, in the same order."""

    def __init__(self, model: Finished, config: PretrainedConfig, dtype: DtypeName) -> None:
        from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map

        architecture = {name: key for key, name in MODEL_ARCH_NAMES.items()}[config.model_type]
        self.names = get_tensor_name_map(MODEL_ARCH(architecture), config.num_hidden_layers)
        self.model, self.config, self.dtype = model, config, dtype

    def __iter__(self) -> Iterator[tuple[str, torch.Tensor]]:
        for file in sorted(self.model.directory.glob("*.safetensors")):
            with safe_open(file, framework="pt") as opened:
                for name in sorted(opened.keys()):
                    if name == "lm_head.weight" and self.config.tie_word_embeddings:
                        continue  # llama.cpp takes the embedding for it
                    yield self._name(name), self._converted(name, opened.get_tensor(name))
        if self.config.rope_parameters["rope_type"] == "llama3":
            yield "rope_freqs.weight", rope_factors(self.config)

    def _name(self, name: str) -> str:
        found = self.names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise CannotExport(f"{self.model.name}: llama.cpp has no tensor for {name}; export a directory")
        return found

    def _converted(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        if self.config.model_type == "llama" and (heads := self._rotated_heads(name)):
            tensor = interleave(tensor, heads)
        # Vectors are rounded as in an exported directory, so that both hold the same values.
        rounded = tensor.to(getattr(torch, self.dtype))
        check_finite(self.model.name, {name: rounded}, self.dtype)
        return (rounded if tensor.ndim > 1 else rounded.float()).contiguous()

    def _rotated_heads(self, name: str) -> int | None:
        if ".q_proj." in name:
            return int(self.config.num_attention_heads)
        return int(self.config.num_key_value_heads) if ".k_proj." in name else None


def interleave(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorder the rows of a query or key projection, [heads * size, …], from halves to pairs.

    transformers rotates a head's first half against its second; llama.cpp's `llama` rotates neighbours.
    """
    paired: torch.Tensor = tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)
    return paired


def rope_factors(config: PretrainedConfig) -> torch.Tensor:
    """By how much Llama 3's long context slows each pair's rotation, [head size / 2] (transformers' `llama3` rope)."""
    rope: dict[str, Any] = config.rope_parameters
    size, factor = _head_size(config), rope["factor"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    wavelengths = 2 * math.pi * rope["rope_theta"] ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
    smooth = ((rope["original_max_position_embeddings"] / wavelengths - low) / (high - low)).clamp(0, 1)
    factors: torch.Tensor = 1 / ((1 - smooth) / factor + smooth)
    return factors
