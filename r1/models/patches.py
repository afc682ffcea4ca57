"""All monkeypatches of TRL, vLLM and transformers.

Each docstring says what is wrong upstream and when the patch can go. tests/models/test_patches.py fails when the
patched code, or a private hook that one of our trainers overrides, has changed since we wrote the patch.
"""

from typing import Any

import torch

from r1.config.sampling import VllmEngineConfig
from r1.models.sharding import shard


def hide_vllm_from_trl() -> None:
    """Keep TRL from importing vLLM: TRL 1.16's trainers import it if installed, which takes seconds.

    Only vLLM rollouts need that import. Call this before importing TRL's GRPO trainer. Can go once TRL imports vLLM
    only for `use_vllm=True`.
    """
    import trl.import_utils as import_utils

    import_utils.is_vllm_available = lambda *_, **__: False


def keep_cpu_weights_loadable() -> None:
    """Keep linear weights on CPU: vLLM 0.31 packs them and drops the originals, so new ones cannot be loaded.

    Call this before creating an engine to which an RL trainer sends its weights. Can go once vLLM's CPU linear layers
    can keep `weight` for reloading (today: `dispatch_cpu_unquantized_gemm(remove_weight=True)`).
    """
    from vllm.model_executor.layers import utils
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        utils.dispatch_cpu_unquantized_gemm = lambda layer, remove_weight: setattr(
            layer, "cpu_linear", torch.nn.functional.linear
        )


MOST_SEQUENCES = 1024
"""Sequences that TRL's colocated vLLM decodes at a time; the others of a round wait. vLLM's own default on an H100."""


def set_trl_engine_options(engine: VllmEngineConfig) -> None:
    """Pass dtype and enforce_eager to TRL's colocated vLLM, and bound its sequences, which TRL 1.16 does not do.

    Otherwise vLLM samples a float32 policy in bfloat16, and refuses to start if a round has more than TRL's
    max_num_batched_tokens, 4,096, rollouts per engine: TRL sets max_num_seqs to all of them. Can go once GRPOConfig
    accepts vLLM's engine arguments.
    """
    from trl.generation import vllm_generation
    from vllm import LLM

    def start(*, max_num_seqs: int, trust_remote_code: bool = False, **given: Any) -> Any:
        return LLM(
            **given,
            max_num_seqs=min(max_num_seqs, MOST_SEQUENCES),
            dtype=engine.dtype,
            enforce_eager=engine.enforce_eager,
            trust_remote_code=False,
            load_format="safetensors",
        )

    vllm_generation.LLM = start


def shard_reference_by_layer() -> None:
    """Have TRL shard the reference policy layer by layer, as accelerate shards the policy.

    TRL 1.16's `prepare_fsdp` makes one unit of the whole model under FSDP2, so that each forward pass gathers all of
    its weights. Call it after the engine is chosen, as it imports TRL's trainers. Can go once `prepare_fsdp` shards
    decoder layers.
    """
    from trl.trainer import grpo_trainer, rloo_trainer

    grpo_trainer.prepare_fsdp = rloo_trainer.prepare_fsdp = lambda model, accelerator: shard(model)


def rotate_natively_on_cpu(model_type: str) -> None:
    """Use vLLM's PyTorch rotary embedding on CPU for deepseek_v3.

    vLLM 0.31's CPU kernel rotates the queries of latent attention wrongly, and log-probabilities are off by nats; its
    PyTorch implementation is correct. Can go once the log-probability test of deepseek_v3 in
    tests/sampling/test_engines.py passes without this.
    """
    from vllm.model_executor.layers.rotary_embedding.base import RotaryEmbedding
    from vllm.platforms import current_platform

    if current_platform.is_cpu() and model_type == "deepseek_v3":
        RotaryEmbedding.forward_cpu = RotaryEmbedding.forward_native
