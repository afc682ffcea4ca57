"""Create, load and save models: ordinary Hugging Face directories, safetensors only."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BatchEncoding,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from r1.config.models import ArchitectureConfig
from r1.config.training import AttentionName
from r1.models.turns import declare_stops, is_begun, opened
from r1.support.errors import UserError

_SAMPLE = "1 + 3"
_PUBLISHED = ("*.json", "*.safetensors", "*.jinja", "tokenizer*", "*.model", "merges.txt", "vocab.txt")


def from_scratch(architecture: ArchitectureConfig, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """A randomly initialised causal language model, float32."""
    config = AutoConfig.for_model(
        **architecture.model_dump(),
        vocab_size=len(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(seed)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return model


def load_model(
    path: str | Path, dtype: torch.dtype = torch.float32, attention: AttentionName = "sdpa"
) -> PreTrainedModel:
    """Load a causal language model from a model directory: safetensors only, and never the directory's own code.

    float32 by default on every machine: weights to be trained or saved must not be rounded to bfloat16.
    """
    return AutoModelForCausalLM.from_pretrained(
        path, dtype=dtype, attn_implementation=attention, use_safetensors=True, trust_remote_code=False
    )


def load_critic(path: str | Path, attention: AttentionName = "sdpa") -> PreTrainedModel:
    """Load a value model on a policy's backbone: one value per token, initially 0 everywhere."""
    critic = AutoModelForTokenClassification.from_pretrained(
        path,
        num_labels=1,
        dtype=torch.float32,
        attn_implementation=attention,
        use_safetensors=True,
        trust_remote_code=False,
    )
    critic.dropout.p = 0.0
    torch.nn.init.zeros_(critic.score.weight)
    torch.nn.init.zeros_(critic.score.bias)
    return critic  # type: ignore[no-any-return]


def sampling_dtype() -> torch.dtype:
    """Dtype of weights used only for inference: bfloat16 on a GPU with native support, float32 elsewhere."""
    native = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float32


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model directory; it pads on the left, as generation needs."""
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def prompt_ids(tokenizer: PreTrainedTokenizerBase, conversations: Sequence[list[dict[str, str]]]) -> list[list[int]]:
    """Token ids of conversations in the model's own chat template, generation prompt included.

    A conversation that ends with the assistant's message is to be continued there: the message follows the generation
    prompt as the model would have written it, so no template can close it or drop its reasoning.
    """
    asked = [conversation[:-1] if is_begun(conversation) else conversation for conversation in conversations]
    rendered = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=True, return_dict=True)
    prompts: list[list[int]] = cast(BatchEncoding, rendered)["input_ids"]
    begun = [number for number, conversation in enumerate(conversations) if is_begun(conversation)]
    prefix = opened(tokenizer) if begun else ""
    for number in begun:
        said = conversations[number][-1]["content"].removeprefix(prefix)
        prompts[number] = [*prompts[number], *tokenizer(said, add_special_tokens=False)["input_ids"]]
    return prompts


def context_length(config: PretrainedConfig) -> int | None:
    """Context window in tokens, prompt and completion together; None for positions without a limit."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, directory: Path) -> None:
    """Write a model directory that AutoModelForCausalLM and vLLM can open, and that stops at the end of its turn."""
    declare_stops(model, tokenizer)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


class BrokenCheckpoint(UserError):
    """Not a checkpoint, a damaged one, or one that can only be loaded by running its code."""


def find_checkpoint(checkpoint: str) -> Path:
    """The model directory of a local path or a hub id, as published: nothing is converted.

    Of a hub id, configuration, tokenizer and safetensors are downloaded into the hub's own cache.

    Raises:
        BrokenCheckpoint: if there is no such directory, it cannot be downloaded, or it has no chat template.
    """
    directory = Path(checkpoint).expanduser()
    if not directory.is_dir():
        from huggingface_hub import snapshot_download

        try:
            directory = Path(snapshot_download(checkpoint, allow_patterns=list(_PUBLISHED)))
        except Exception as error:  # from the hub, the network or the disk, in as many types as libraries below
            raise BrokenCheckpoint(f"{checkpoint} cannot be downloaded: {_reason(directory, error)}") from error
    try:
        tokenizer = load_tokenizer(directory)
    except Exception as error:
        raise BrokenCheckpoint(f"{checkpoint} cannot be loaded: {_reason(directory, error)}") from error
    if not tokenizer.chat_template:
        raise BrokenCheckpoint(f"{checkpoint} has no chat template: add chat_template.jinja to a local copy of it")
    return directory


def load_checkpoint(checkpoint: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a pretrained model in float32 from a hub id, a local directory or a .gguf file.

    Code that comes with a checkpoint is never run: an architecture that transformers
    knows is loaded as transformers' own class.

    Raises:
        BrokenCheckpoint: if it cannot be loaded.
    """
    path = Path(checkpoint).expanduser()
    try:
        if path.suffix == ".gguf":
            model, tokenizer = _load_gguf(path)
        else:
            source = path if path.exists() else checkpoint
            model, tokenizer = load_model(source), load_tokenizer(source)
    except Exception as error:  # a foreign checkpoint can make any of several libraries raise anything
        raise BrokenCheckpoint(f"{checkpoint} cannot be loaded: {_reason(path, error)}") from error
    if not tokenizer(_SAMPLE)["input_ids"]:
        raise BrokenCheckpoint(f"{checkpoint} cannot be loaded: it has no tokenizer that can encode {_SAMPLE!r}")
    # Otherwise what we save would still refer to the checkpoint's code.
    vars(model.config).pop("auto_map", None)
    tokenizer.init_kwargs.pop("auto_map", None)
    return model, tokenizer


def _load_gguf(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, trust_remote_code=False)
    for token in ("bos_token", "eos_token", "pad_token"):  # transformers 5.17 takes the bos token for the eos token
        number = getattr(model.config, f"{token}_id", None)
        if number is not None:
            setattr(tokenizer, token, tokenizer.convert_ids_to_tokens(number))
    tokenizer.padding_side = "left"
    # The weights are dequantized; with these attributes left in place, save_pretrained would refuse.
    model.hf_quantizer = None  # type: ignore[assignment]
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model, tokenizer


def _reason(path: Path, error: Exception) -> str:
    """Why a checkpoint cannot be loaded, in one line."""
    if not path.exists() and (path.is_absolute() or path.suffix == ".gguf"):
        return "no such file or directory"
    if path.is_file() and path.suffix != ".gguf":
        return "it is a file; expected a model directory, a .gguf file or a hub id"
    pickled = sorted(file.name for file in path.glob("*") if file.suffix in (".bin", ".pt", ".pth", ".ckpt"))
    if pickled and not list(path.glob("*.safetensors")):
        return f"{pickled[0]} is a pickle, which can run code when loaded; expected model.safetensors"
    if "trust_remote_code" in str(error):
        return "it needs its own code (auto_map in its config.json), which is never run"
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"
