"""The model that a training run starts from or an engine samples: on disk, or untrained."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from r1.config.models import ArchitectureConfig
from r1.config.training import AttentionName
from r1.models.loading import context_length, from_scratch, load_critic, load_model, load_tokenizer, prompt_ids
from r1.models.turns import first_tokens, opened, spellings, stop_ids, stop_strings


@dataclass(frozen=True)
class Policy:
    """A model directory; its tokenizer is loaded once and shared by all callers.

    Attributes:
        directory: ordinary Hugging Face files, weights as safetensors.
    """

    directory: Path

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Pads on the left, as generation needs."""
        return load_tokenizer(self.directory)

    @cached_property
    def _config(self) -> PretrainedConfig:
        config: PretrainedConfig = AutoConfig.from_pretrained(self.directory, trust_remote_code=False)
        return config

    @property
    def model_type(self) -> str:
        """The architecture, as transformers names it."""
        return str(self._config.model_type)

    @property
    def context_length(self) -> int | None:
        """Context window in tokens, prompt and completion together; None for positions without a limit."""
        return context_length(self._config)

    @cached_property
    def opened(self) -> str:
        """The `<think>` tag that the generation prompt opens, with its white space; empty for most templates."""
        return opened(self.tokenizer)

    @cached_property
    def stop_ids(self) -> list[int]:
        """Tokens that end a completion: the tokenizer's eos, the end of turn, and those of generation_config.json."""
        file = self.directory / "generation_config.json"
        declared = json.loads(file.read_text()).get("eos_token_id") if file.is_file() else None
        return stop_ids(self.tokenizer, declared)

    @property
    def stop_strings(self) -> list[str]:
        """Strings that end a completion; the chat template of an adopted R1-Zero base has `</answer>`."""
        return stop_strings(self.tokenizer)

    def prompt_ids(self, conversations: Sequence[list[dict[str, str]]]) -> list[list[int]]:
        """Token ids, [conversation][token], generation prompt included; see `r1.models.loading.prompt_ids`."""
        return prompt_ids(self.tokenizer, conversations)

    def first_tokens(self, text: str, count: int) -> str:
        """A completion, cut after so many of its tokens; see `r1.models.turns.first_tokens`."""
        return first_tokens(self.tokenizer, text, count)

    def spellings(self, words: Sequence[str]) -> list[list[int]]:
        """Token ids of words, [spelling][token]; see `r1.models.turns.spellings`."""
        return spellings(self.tokenizer, words)

    def load(self, dtype: torch.dtype = torch.float32, attention: AttentionName = "sdpa") -> PreTrainedModel:
        """Load the causal language model; every call returns a new copy."""
        return load_model(self.directory, dtype, attention)

    def load_critic(self, attention: AttentionName = "sdpa") -> PreTrainedModel:
        """Load a value model on the policy's backbone; see `r1.models.loading.load_critic`."""
        return load_critic(self.directory, attention)


@dataclass(frozen=True)
class Untrained:
    """The starting point of pretraining: an architecture, whose weights are drawn from the seed."""

    architecture: ArchitectureConfig
    tokenizer: PreTrainedTokenizerBase
    seed: int

    def load(self, attention: AttentionName = "sdpa") -> PreTrainedModel:
        """The float32 model; every call returns the same weights."""
        model = from_scratch(self.architecture, self.tokenizer, self.seed)
        model.set_attn_implementation(attention)
        return model
