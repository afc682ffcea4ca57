"""TRL's arguments for an RL run."""

import os
from typing import Any

from r1.config.rl import GroupRelativeConfig, LeaveOneOutConfig
from r1.config.sampling import (
    ColocatedRolloutConfig,
    RolloutConfig,
    TransformersRolloutConfig,
    VllmServerRolloutConfig,
)
from r1.models.patches import hide_vllm_from_trl, keep_cpu_weights_loadable, set_trl_engine_options
from r1.models.policy import Policy
from r1.rl.settings import RlSettings
from r1.sampling.vllm_engine import set_environment
from r1.training.arguments import batch_arguments


def algorithm_arguments(settings: RlSettings) -> dict[str, Any]:
    """Trainer arguments for the algorithm, and for the schedule, batches and generation that all algorithms share."""
    stage, algorithm = settings.stage, settings.algorithm
    split = batch_arguments(stage)
    common = {
        "learning_rate": stage.learning_rate,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": stage.warmup_steps,
        "max_steps": stage.max_steps,
        # All rollouts of an optimizer step at once: r1/rl/micro_batches.py cuts and accumulates.
        "per_device_train_batch_size": split["per_device_train_batch_size"] * split["gradient_accumulation_steps"],
        "gradient_accumulation_steps": 1,
        "steps_per_generation": algorithm.num_mini_batches,
        "num_iterations": algorithm.num_iterations,
        "num_generations": stage.num_generations,
        "max_completion_length": stage.max_completion_length,
        "temperature": stage.temperature,
        "shuffle_dataset": False,  # the prompts are already in training order
        "beta": algorithm.beta,
        "epsilon": algorithm.epsilon,
        "epsilon_high": algorithm.epsilon_high,
        "sync_ref_model": algorithm.beta > 0,
        "ref_model_mixup_alpha": 1.0,
        "ref_model_sync_steps": algorithm.ref_model_sync_steps,
    }
    if isinstance(algorithm, LeaveOneOutConfig):
        return {**common, "normalize_advantages": algorithm.normalize_advantages}
    # r1/rl/correction.py weights vLLM's rollouts, for RLOO too; TRL's GRPO would do it again.
    common["vllm_importance_sampling_correction"] = False
    if isinstance(algorithm, GroupRelativeConfig):
        keys = ("loss_type", "scale_rewards", "importance_sampling_level")
        # TRL's default weights the KL by the ratio (DeepSeek-V3.2); the paper's equation 2 does not.
        return {**common, **{key: getattr(algorithm, key) for key in keys}, "use_bias_correction_kl": False}
    return {**common, "loss_type": "dapo"}  # PPO and REINFORCE++: mean over all tokens


def rollout_arguments(
    rollout: RolloutConfig, policy: Policy, prompts: list[dict[str, Any]], max_completion_length: int
) -> dict[str, Any]:
    """Trainer arguments for generation: transformers in the trainer, colocated vLLM, or a vLLM server.

    Call it before importing TRL's GRPO trainer: it decides whether that import loads vLLM.
    """
    if isinstance(rollout, TransformersRolloutConfig):
        hide_vllm_from_trl()
        return {}
    stops = policy.stop_strings
    stopping = {"generation_kwargs": {"stop": stops, "include_stop_str_in_output": True}} if stops else {}
    if isinstance(rollout, VllmServerRolloutConfig):
        return {
            **stopping,
            "use_vllm": True,
            "vllm_mode": "server",
            "vllm_server_base_url": rollout.base_url,
            "vllm_group_port": rollout.group_port,
            "vllm_server_timeout": rollout.timeout,
        }
    return {**stopping, **_colocated_arguments(rollout, policy, prompts, max_completion_length)}


def _colocated_arguments(
    rollout: ColocatedRolloutConfig, policy: Policy, prompts: list[dict[str, Any]], max_completion_length: int
) -> dict[str, Any]:
    for name, value in (("RANK", 0), ("LOCAL_RANK", 0), ("WORLD_SIZE", 1), ("MASTER_PORT", 29511)):
        os.environ.setdefault(name, str(value))
    os.environ.setdefault("MASTER_ADDR", "localhost")
    set_environment(rollout)
    keep_cpu_weights_loadable()
    set_trl_engine_options(rollout)
    longest = max(map(len, policy.prompt_ids([row["prompt"] for row in prompts])))
    return {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": rollout.gpu_memory_utilization,
        "vllm_tensor_parallel_size": rollout.tensor_parallel_size,
        "vllm_enable_sleep_mode": rollout.sleep,
        # Otherwise vLLM reserves KV cache for the full context window.
        "vllm_max_model_length": longest + max_completion_length,
    }
