"""Every change we make to TRL's, vLLM's or transformers' own code, in one place.

Each function says what is wrong upstream and what lets it go. tests/models/test_patches.py fails when the code that
is patched, or a private hook that a trainer of ours overrides, is no longer what it was when we looked.
"""

from functools import partial

import torch

from r1.config.sampling import VllmEngineConfig


def hide_vllm_from_trl() -> None:
    """TRL 1.16's trainers import vLLM wherever it is installed, which takes seconds; only vLLM rollouts need it.

    To be called before TRL's GRPO trainer is imported. Can go once TRL imports vLLM only for `use_vllm=True`.
    """
    import trl.import_utils as import_utils

    import_utils.is_vllm_available = lambda *_, **__: False


def keep_cpu_weights_loadable() -> None:
    """vLLM 0.31's CPU build packs its weights and drops the originals: a trainer's new ones could not be loaded.

    To be called before an engine is built that an RL trainer sends its weights to. Can go once vLLM's CPU linear
    layers keep `weight` when they are to be reloaded (`dispatch_cpu_unquantized_gemm(remove_weight=True)`).
    """
    from vllm.model_executor.layers import utils
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        utils.dispatch_cpu_unquantized_gemm = lambda layer, remove_weight: setattr(
            layer, "cpu_linear", torch.nn.functional.linear
        )


def set_trl_engine_options(engine: VllmEngineConfig) -> None:
    """TRL 1.16 passes neither dtype nor enforce_eager to its colocated vLLM.

    Left alone, vLLM would sample a float32 policy in bfloat16. Can go once GRPOConfig takes vLLM's engine arguments.
    """
    from trl.generation import vllm_generation
    from vllm import LLM

    vllm_generation.LLM = partial(LLM, dtype=engine.dtype, enforce_eager=engine.enforce_eager)


def rotate_natively_on_cpu(model_type: str) -> None:
    """vLLM 0.31's CPU kernel rotates latent attention's queries wrongly: log-probabilities are off by nats.

    Its own PyTorch version of the same rotation is right. Can go once the log-probability test of deepseek_v3 in
    tests/sampling/test_engines.py passes without this.
    """
    from vllm.model_executor.layers.rotary_embedding.base import RotaryEmbedding
    from vllm.platforms import current_platform

    if current_platform.is_cpu() and model_type == "deepseek_v3":
        RotaryEmbedding.forward_cpu = RotaryEmbedding.forward_native
