"""Precision, kernels and LoRA adapters of training; an option that this machine lacks is refused by name."""

from importlib.util import find_spec
from typing import Any

import torch
from accelerate.utils import is_peft_model
from transformers import PreTrainedModel

from r1.config.training import TrainingConfig
from r1.support.errors import UserError


class CannotTrain(UserError):
    """A training option that this machine or its installed packages do not support."""


def check_compute(training: TrainingConfig) -> None:
    """Refuse options that cannot run here; call it before loading a model.

    Raises:
        CannotTrain: naming the option, and the package to install or the device it needs.
    """
    flash = training.attention == "flash_attention_2"
    wanted = [
        ("training.attention = 'flash_attention_2'", flash, "flash_attn", "flash-attn"),
        ("training.liger = true", training.liger, "liger_kernel", "liger-kernel"),
        ("training.lora", training.lora is not None, "peft", "peft"),
    ]
    cuda = torch.cuda.is_available()
    for option, chosen, module, package in wanted:
        if chosen and find_spec(module) is None:
            raise CannotTrain(f"{option}: the package {package} is not installed: pip install {package}")
        if chosen and module != "peft" and not cuda:
            raise CannotTrain(f"{option}: its kernels need an NVIDIA GPU, and torch sees none")
    if flash and torch.cuda.get_device_capability()[0] < 8:
        raise CannotTrain("training.attention = 'flash_attention_2': needs compute capability 8.0 (A100) or newer")
    if training.mixed_precision == "bf16" and cuda and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise CannotTrain(
            f"training.mixed_precision = 'bf16': {torch.cuda.get_device_name()} does not compute in bfloat16; use none"
        )


def weights_dtype(training: TrainingConfig) -> torch.dtype:
    """Dtype to load the initial weights in: float32.

    With LoRA and bf16 the base weights are frozen and loaded in bfloat16, which autocast would compute in anyway.
    """
    frozen = training.lora is not None and training.mixed_precision == "bf16"
    return torch.bfloat16 if frozen else torch.float32


def lora_config(training: TrainingConfig) -> Any:
    """The trainer's `peft_config`, or None to train all weights."""
    if training.lora is None:
        return None
    from peft import LoraConfig

    settings = training.lora.model_dump()
    modules = settings["target_modules"]
    return LoraConfig(
        r=settings["r"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=modules if isinstance(modules, str) else list(modules),
    )


def merged(model: PreTrainedModel) -> PreTrainedModel:
    """The model as an ordinary float32 one, its adapters merged into the weights."""
    return model.float().merge_and_unload() if is_peft_model(model) else model
