"""Trainer arguments that every training run shares, and its count of floating-point operations."""

import os
import sys
from typing import Any

import torch
from transformers import PreTrainedModel

from r1.config.launcher import Sharding
from r1.config.rl import RlStageConfig
from r1.config.training import OptimizationConfig, TrainingConfig, check_batch
from r1.support.errors import UserError
from r1.support.processes import sharded_by, world_size
from r1.training.context import TrainingContext

TRACKER = "R1_TRACKER"
"""Environment variable with the tracker to log to besides our curve; the runner sets it from `tracking`."""


def device_arguments(context: TrainingContext) -> dict[str, Any]:
    """Trainer arguments for the device, precision, kernels, seeds and logging."""
    cuda, training = torch.cuda.is_available(), context.training
    # Otherwise FSDP2 keeps whole gradients of all weights in every process until the last micro-batch of a step.
    reduces = {"gradient_accumulation_kwargs": {"sync_each_batch": True}}
    return {
        **({"accelerator_config": reduces} if sharded_by() == "fsdp2" else {}),
        "use_cpu": not cuda,
        "bf16": training.mixed_precision == "bf16",
        "gradient_checkpointing": training.gradient_checkpointing,
        "use_liger_kernel": training.liger,
        "seed": context.seed,
        "data_seed": context.seed,
        "report_to": os.environ.get(TRACKER, "none"),
        "project": "r1",
        "run_name": context.curve.stem,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": not sys.stderr.isatty(),
        "dataloader_pin_memory": cuda,
    }


def batch_arguments(config: OptimizationConfig | RlStageConfig) -> dict[str, Any]:
    """Trainer arguments that split a batch evenly over all processes: micro-batch size and gradient accumulation.

    Raises:
        UserError: if the batch does not split evenly, or the sharding strategy needs GPUs and there are none.
    """
    sharding()
    try:
        check_batch(config.batch_size, config.micro_batch_size, world_size())
    except ValueError as error:
        raise UserError(str(error)) from None
    share = config.batch_size // world_size()
    at_once = min(config.micro_batch_size, share)
    return {"per_device_train_batch_size": at_once, "gradient_accumulation_steps": share // at_once}


def sharding() -> Sharding:
    """The sharding strategy of the launched processes, which accelerate sets in the environment.

    Raises:
        UserError: if it needs GPUs and there are none; accelerate would silently fall back to ddp.
    """
    chosen = sharded_by() or "ddp"
    if chosen != "ddp" and not torch.cuda.is_available():
        raise UserError(f"launcher = {chosen!r}: needs GPUs, and there are none; ddp runs on a CPU")
    return chosen


def supervised_arguments(config: OptimizationConfig, context: TrainingContext) -> dict[str, Any]:
    """Trainer arguments for supervised training: AdamW, warm-up, cosine decay to a floor."""
    return {
        **device_arguments(context),
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": config.min_learning_rate_ratio},
        "warmup_steps": config.warmup_ratio,  # below 1: a fraction of all steps
        "weight_decay": config.weight_decay,
        **batch_arguments(config),
        **checkpoint_arguments(context, config.checkpoint_steps),
    }


def checkpoint_arguments(context: TrainingContext, steps: int) -> dict[str, Any]:
    """Trainer arguments for a checkpoint every `steps` optimizer steps."""
    return {
        "output_dir": str(context.checkpoints),
        "save_strategy": "steps",
        "save_steps": steps,
        "save_total_limit": 2,  # the newest may be incomplete, or contain weights that a guard rejects at the next step
    }


def flops(model: PreTrainedModel, forward_tokens: int, trained_tokens: int, training: TrainingConfig) -> float:
    """Floating-point operations: 2 per parameter and forward token, 6 per trained token (arXiv 2001.08361).

    With LoRA 4 per trained token, since no gradient is computed for the frozen weights.
    """
    trained = 6 if training.lora is None else 4
    return float(model.num_parameters()) * (2 * forward_tokens + trained * trained_tokens)
