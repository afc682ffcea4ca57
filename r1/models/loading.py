"""Making, loading and saving models: ordinary Hugging Face directories, safetensors only."""

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
from r1.support.errors import UserError

_SAMPLE = "1 + 3"


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
    """A causal language model from a model directory; weights as safetensors only, no code of its own.

    float32 whatever the machine: what is trained or written must not lose what bfloat16 rounds away.
    """
    return AutoModelForCausalLM.from_pretrained(
        path, dtype=dtype, attn_implementation=attention, use_safetensors=True, trust_remote_code=False
    )


def load_critic(path: str | Path, attention: AttentionName = "sdpa") -> PreTrainedModel:
    """A value model on the backbone of a policy: one value a token, 0 everywhere until it has learnt."""
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
    """For weights that only answer: bfloat16 on a GPU that computes in it, float32 elsewhere."""
    native = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if native else torch.float32


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model directory, padding on the left as generation needs it."""
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def prompt_ids(tokenizer: PreTrainedTokenizerBase, conversations: Sequence[list[dict[str, str]]]) -> list[list[int]]:
    """Token ids of conversations, rendered by the model's own chat template up to where the assistant speaks."""
    rendered = tokenizer.apply_chat_template(
        list(conversations), add_generation_prompt=True, tokenize=True, return_dict=True
    )
    return cast(BatchEncoding, rendered)["input_ids"]  # type: ignore[no-any-return]


def context_length(config: PretrainedConfig) -> int | None:
    """Tokens that a model can attend to, prompt and completion together; None where its positions have no end."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, directory: Path) -> None:
    """Write a directory that AutoModelForCausalLM and vLLM open as it is."""
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


class BrokenCheckpoint(UserError):
    """Something that is no checkpoint, a damaged one, or one that would have to be trusted."""


def load_checkpoint(checkpoint: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A pretrained model from a hub id, a local directory or a .gguf file, in float32.

    Code that comes with a checkpoint is never run: an architecture that
    transformers knows is loaded as transformers' own class.

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
    except Exception as error:  # what others made breaks in as many ways as there are libraries
        raise BrokenCheckpoint(f"{checkpoint} cannot be loaded: {_reason(path, error)}") from error
    if not tokenizer(_SAMPLE)["input_ids"]:
        raise BrokenCheckpoint(f"{checkpoint} cannot be loaded: it has no tokenizer that reads {_SAMPLE!r}")
    # What we save from it points to nobody's code either.
    vars(model.config).pop("auto_map", None)
    tokenizer.init_kwargs.pop("auto_map", None)
    return model, tokenizer


def _load_gguf(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, trust_remote_code=False)
    for token in ("bos_token", "eos_token", "pad_token"):  # transformers 5.17 takes the first for the second
        number = getattr(model.config, f"{token}_id", None)
        if number is not None:
            setattr(tokenizer, token, tokenizer.convert_ids_to_tokens(number))
    tokenizer.padding_side = "left"
    # Weights are plain float32 now; what says otherwise would make save_pretrained refuse.
    model.hf_quantizer = None  # type: ignore[assignment]
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    return model, tokenizer


def _reason(path: Path, error: Exception) -> str:
    """One line on why a checkpoint cannot be loaded."""
    if not path.exists() and (path.is_absolute() or path.suffix == ".gguf"):
        return "no such file or directory"
    if path.is_file() and path.suffix != ".gguf":
        return "a file; wanted: a model directory, a .gguf file or a hub id"
    pickled = sorted(file.name for file in path.glob("*") if file.suffix in (".bin", ".pt", ".pth", ".ckpt"))
    if pickled and not list(path.glob("*.safetensors")):
        return f"{pickled[0]} is a pickle, which can run code when it is read; wanted: model.safetensors"
    if "trust_remote_code" in str(error):
        return "it needs code of its own (auto_map in its config.json), which is never run"
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"
