"""FSDP2 for all models of a training: precision of the policy, and shards of the models beside it.

accelerate shards the policy: a unit per decoder layer, one for the input embedding, one for the final norm and the
head. `shard` gives references, start policies and reward models the same units.
"""

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import convert_to_fp32
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from transformers import PreTrainedModel


def reduce_in_float32(accelerator: Accelerator) -> None:
    """Have FSDP2 compute in bfloat16, but reduce gradients in float32 and leave outputs as they are.

    accelerate 1.15 sets all three dtypes to bfloat16, which rounds float32 log-probabilities to three digits. Call it
    before a model is prepared; without FSDP2 it does nothing.
    """
    if accelerator.is_fsdp2 and accelerator.mixed_precision == "bf16":
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
        accelerator.state.fsdp_plugin.mixed_precision_policy = policy


def return_float32(model: nn.Module) -> None:
    """Have a model return float32, as accelerate does under DDP: a difference of bfloat16 scores has three digits.

    FSDP2's own `output_dtype` would also cast between layers, where a head outside all units expects bfloat16.
    """
    model.register_forward_hook(lambda _module, _inputs, output: convert_to_fp32(output))


def shard(model: PreTrainedModel) -> PreTrainedModel:
    """Shard a frozen model in place over all processes, and set it to evaluation mode.

    Each unit is gathered for its forward pass and freed after it: unlike the policy's head, which the backward pass
    needs at once, nothing of a frozen model stays gathered.

    Every process must run the model's forward pass equally often, as each gathers weights from all.
    """
    precision = AcceleratorState().fsdp_plugin.mixed_precision_policy or MixedPrecisionPolicy()
    for unit in _units(model):
        fully_shard(unit, mp_policy=precision, reshard_after_forward=True)
    return_float32(model)
    model.eval()
    return model


def _units(model: PreTrainedModel) -> list[nn.Module | list[nn.Module]]:
    """Decoder layers, input embedding, final norm with head; at last the model, which holds what is left.

    Tied embeddings are one unit with the norm, since torch allows a weight in one unit only.
    """
    layers = [module for module in model.modules() if type(module).__name__ in (model._no_split_modules or ())]
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head is not None and head.weight is embedding.weight
    norm: nn.Module = model.base_model.norm  # type: ignore[assignment]
    tail = [module for module in (norm, embedding if tied else None, head) if module is not None]
    return [*layers, *([] if tied else [embedding]), tail, model]
