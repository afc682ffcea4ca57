"""Reinforcement learning of a policy by any of the algorithms, on TRL's trainers.

The default is GRPO as in the paper (equations 1 to 3): advantages are rewards
normalised within the group of one prompt's completions; the ratio to the
sampling policy is clipped; the KL to the reference policy is the k3 estimator;
the policy replaces the reference every `ref_model_sync_steps` steps.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import trl.import_utils as import_utils
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import GRPOConfig, RLOOConfig

from r1.artifacts import write_text
from r1.config import (
    Algorithm,
    GroupRelative,
    LeaveOneOut,
    Ppo,
    Rl,
    RlStage,
    Rollout,
    TrainingOptions,
    TransformersRollout,
    VllmEngine,
    VllmServerRollout,
    check_rl_launch,
)
from r1.data import read_rows
from r1.errors import UserError
from r1.models.loading import load_critic, load_tokenizer, prompt_ids, save
from r1.processes import is_main, world_size
from r1.rewards import build_rewards
from r1.rewards.common import RewardFunction
from r1.sampling.vllm_engine import set_environment
from r1.stage import Run
from r1.training.checkpoints import checkpoint_arguments, train
from r1.training.common import Recorder, batch_arguments, device_arguments, flops, parallelism
from r1.training.difficulty import choose
from r1.training.options import PLAIN, adapters, load_policy, merged, require
from r1.training.rollouts import check_rollout
from r1.training.schedule import in_order

PROMPTS = "data/prompts/rl.parquet"


@dataclass(frozen=True)
class RlResult:
    """What an RL run gives: the policy, some samples with rewards, and metrics."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    samples: pd.DataFrame
    metrics: dict[str, Any]


def train_rl(
    policy: Path,
    prompts: list[dict[str, Any]],
    stage: RlStage,
    rl: Rl,
    rewards: tuple[list[RewardFunction], list[float]],
    seed: int,
    log_file: Path,
    checkpoints: Path,
    options: TrainingOptions = PLAIN,
) -> RlResult:
    """Train a policy with the algorithm of the configuration.

    Args:
        policy: model directory to start from.
        prompts: rows of `prompt` (conversation), `task`, `answer`, `kind`, in the order
            they are trained on, as many as the run needs.
        stage: this run's settings.
        rl: what all runs share.
        rewards: functions and weights.
        seed: of sampling.
        log_file: where the learning curve goes, CSV; the time of each phase goes to throughput/ beside it.
        checkpoints: folder of this run's checkpoints; if it has one, the run goes on from there.
        options: how training computes.

    Raises:
        CannotTrain: if this machine lacks an option.
        UserError: if the run cannot be launched so, if the rollouts' vLLM does not fit to the other packages, or if
            its server does not answer.
        Stopped: if the loss is not finite, or for `rl.patience` steps the KL is too large, the entropy too
            small, or the rewards give no signal.
    """
    require(options)
    try:
        check_rl_launch(rl, stage, parallelism(), world_size())
    except ValueError as error:
        raise UserError(str(error)) from None
    check_rollout(rl.rollout)
    tokenizer, algorithm = load_tokenizer(policy), rl.algorithm
    functions, weights = rewards
    arguments = {
        **device_arguments(seed, options),
        **_rollout_arguments(rl.rollout),
        **_model_length(rl.rollout, tokenizer, prompts, stage),
        **_algorithm_arguments(algorithm, stage),
        # With adapters the reference is the policy without them, which cannot be replaced.
        **({"sync_ref_model": False} if options.lora else {}),
        "reward_weights": weights,
        **checkpoint_arguments(checkpoints, _whole_rounds(rl.checkpoint_steps, algorithm)),
    }
    if isinstance(algorithm, Ppo) and algorithm.critic_warmup_steps >= stage.max_steps:
        print(
            f"warning: rl.algorithm.critic_warmup_steps = {algorithm.critic_warmup_steps}, of max_steps = "
            f"{stage.max_steps}: only the critic learns, the policy stays as it is",
            flush=True,
        )
    # Not before _rollout_arguments has told TRL whether to look for vLLM.
    from r1.training.trainers import TRAINERS

    record = Recorder(log_file, rollout_budget(stage, algorithm), _whole_rounds(1, algorithm))
    trainer: Any = TRAINERS[type(algorithm)](
        model=load_policy(policy, options),
        reward_funcs=functions,
        args=(RLOOConfig if isinstance(algorithm, LeaveOneOut) else GRPOConfig)(**arguments),
        train_dataset=Dataset.from_list(prompts),
        processing_class=tokenizer,
        record=record,
        rl=rl,
        algorithm=algorithm,
        start=load_policy(policy, options) if algorithm.beta == 0 and options.lora is None else None,
        peft_config=adapters(options),
        **({"critic": load_critic(policy, options.attention)} if isinstance(algorithm, Ppo) else {}),
    )
    model = merged(train(trainer))
    if is_main():
        write_text(log_file.parent / "throughput" / log_file.name, pd.DataFrame(record.phases).to_csv(index=False))
    tokens = int(trainer.state.num_input_tokens_seen)
    return RlResult(
        model=model,
        tokenizer=tokenizer,
        samples=pd.DataFrame(record.samples),
        metrics={
            **record.summary(tokens),
            "algorithm": algorithm.name,
            "rollouts": record.rollouts,
            "reward": record.tail_mean("reward"),
            "flops": _flops(model, tokens, sum(row["train_tokens"] for row in record.phases), algorithm, options),
            "phases": record.phase_summary(),
        },
    )


def _algorithm_arguments(algorithm: Algorithm, stage: RlStage) -> dict[str, Any]:
    """TRL's arguments of one algorithm; schedule, batches and generation are the same for all."""
    batches = batch_arguments(stage)
    common = {
        "learning_rate": stage.learning_rate,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": stage.warmup_steps,
        "max_steps": stage.max_steps,
        **batches,
        "steps_per_generation": batches["gradient_accumulation_steps"] * algorithm.mini_batches,
        "num_iterations": algorithm.num_iterations,
        "num_generations": stage.num_generations,
        "max_completion_length": stage.max_completion_length,
        "temperature": stage.temperature,
        "shuffle_dataset": False,  # the prompts come in the order they are to be trained on
        "beta": algorithm.beta,
        "epsilon": algorithm.epsilon,
        "epsilon_high": algorithm.epsilon_high,
        "sync_ref_model": algorithm.beta > 0,
        "ref_model_mixup_alpha": 1.0,
        "ref_model_sync_steps": algorithm.ref_model_sync_steps,
    }
    if isinstance(algorithm, LeaveOneOut):
        return {**common, "normalize_advantages": algorithm.normalize_advantages}
    if isinstance(algorithm, GroupRelative):
        keys = ("loss_type", "scale_rewards", "importance_sampling_level")
        # TRL's default weighs the KL by the ratio (DeepSeek-V3.2); the paper's equation 2 does not.
        return {**common, **{key: getattr(algorithm, key) for key in keys}, "use_bias_correction_kl": False}
    return {**common, "loss_type": "dapo"}  # mean over all tokens: PPO's and REINFORCE++'s


def _whole_rounds(steps: int, algorithm: Algorithm) -> int:
    """Optimizer steps, rounded up to whole generation rounds: a checkpoint within one would lose its rollouts."""
    per_round = algorithm.mini_batches * algorithm.num_iterations
    return -(-steps // per_round) * per_round


def rollout_budget(stage: RlStage, algorithm: Algorithm) -> int:
    """Rollouts that a run may sample, whole generation rounds of them."""
    rounds = _whole_rounds(stage.max_steps, algorithm) // _whole_rounds(1, algorithm)
    return rounds * algorithm.mini_batches * stage.batch_size


def _flops(
    model: PreTrainedModel, sampled: int, trained: float, algorithm: Algorithm, options: TrainingOptions
) -> float:
    """Of generation, log-probabilities of reference and sampling policy, and training.

    PPO's critic counts as a second policy.

    Args:
        model: the policy.
        sampled: tokens of all rollouts with their prompts.
        trained: tokens that went through the loss.
        algorithm: says what is scored besides.
        options: say whether all weights are trained.
    """
    rescored = algorithm.mini_batches * algorithm.num_iterations > 1 or not isinstance(algorithm, GroupRelative)
    forwards = 2 + rescored  # the KL to reference or start is always measured
    models = 2 if isinstance(algorithm, Ppo) else 1
    return flops(model, (forwards + models - 1) * sampled, models * int(trained), options)


def _rollout_arguments(rollout: Rollout) -> dict[str, Any]:
    """GRPOConfig's part about generation: transformers in the trainer, vLLM colocated with it, or a vLLM server."""
    if isinstance(rollout, TransformersRollout):
        # TRL's trainer imports vLLM wherever it is installed, which takes seconds; nothing here needs it.
        import_utils.is_vllm_available = lambda *_, **__: False
        return {}
    if isinstance(rollout, VllmServerRollout):
        return {
            "use_vllm": True,
            "vllm_mode": "server",
            "vllm_server_base_url": rollout.base_url,
            "vllm_group_port": rollout.group_port,
            "vllm_server_timeout": rollout.timeout,
        }
    for name, value in (("RANK", 0), ("LOCAL_RANK", 0), ("WORLD_SIZE", 1), ("MASTER_PORT", 29511)):
        os.environ.setdefault(name, str(value))
    os.environ.setdefault("MASTER_ADDR", "localhost")
    set_environment(rollout)
    from trl.generation import vllm_generation
    from vllm import LLM
    from vllm.model_executor.layers import utils
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        # vLLM packs a CPU's weights and drops the originals, so that the policy's new ones could not be loaded.
        utils.dispatch_cpu_unquantized_gemm = lambda layer, remove_weight: setattr(
            layer, "cpu_linear", torch.nn.functional.linear
        )

    # TRL hands vLLM neither; left alone it would sample a float32 policy in bfloat16.
    vllm_generation.LLM = partial(LLM, dtype=rollout.dtype, enforce_eager=rollout.enforce_eager)
    return {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": rollout.gpu_memory_utilization,
        "vllm_tensor_parallel_size": rollout.tensor_parallel_size,
    }


def _model_length(
    rollout: Rollout, tokenizer: PreTrainedTokenizerBase, prompts: list[dict[str, Any]], stage: RlStage
) -> dict[str, int]:
    """What vLLM beside the trainer has to hold; it would else ask for room for a model's whole context."""
    if not isinstance(rollout, VllmEngine):
        return {}
    longest = max(map(len, prompt_ids(tokenizer, [row["prompt"] for row in prompts])))
    return {"vllm_max_model_length": longest + stage.max_completion_length}


def write_policy(run: Run, target: str, result: RlResult, inputs: Mapping[str, str]) -> None:
    """Write a trained policy with its samples, and the run's metrics."""
    counts = {"steps": int(result.metrics["steps"]), "rollouts": int(result.metrics["rollouts"])}
    with run.artifact(target, inputs, counts) as directory:
        save(result.model, result.tokenizer, directory)
        result.samples.to_parquet(directory / "samples.parquet", index=False)
    run.metrics(result.metrics)


def rule_based_rl(run: Run, policy: str, settings: RlStage) -> None:
    """RL on the RL prompts with rule rewards; writes data/models/<run.name>."""
    inputs = run.inputs(policy, PROMPTS)
    with run.checkpoints(inputs) as checkpoints:
        rl, seed, options = run.config.rl, run.config.seed, run.config.training
        result = train_on_rules(rl, Path(policy), settings, seed, run.curve, checkpoints, options)
        write_policy(run, f"data/models/{run.name}", result, inputs)


def train_on_rules(
    rl: Rl, policy: Path, settings: RlStage, seed: int, log_file: Path, checkpoints: Path, options: TrainingOptions
) -> RlResult:
    """Train a policy on the RL prompts alone, with rule rewards."""
    count = rollout_budget(settings, rl.algorithm) // settings.num_generations
    schedule = partial(in_order, count=count, climbing=rl.difficulty.name == "curriculum", seed=seed)
    return train_on_prompts(rl, policy, settings, seed, log_file, checkpoints, options, schedule)


def train_on_prompts(
    rl: Rl,
    policy: Path,
    settings: RlStage,
    seed: int,
    log_file: Path,
    checkpoints: Path,
    options: TrainingOptions,
    schedule: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    **made: RewardFunction,
) -> RlResult:
    """Choose the RL prompts by difficulty and train a policy on them with the rewards of the stage and the algorithm.

    Args:
        rl, policy, settings, seed, log_file, checkpoints, options: as in `train_rl`.
        schedule: lays out the chosen rows as the run's prompts.
        made: rewards that are no rules, by name.
    """
    rows, counts = choose(read_rows(PROMPTS), policy, rl.difficulty, settings, seed)
    weights = {**settings.rewards, **rl.algorithm.extra_rewards}
    rewards = build_rewards(weights, rl.reward_options, settings.max_completion_length, **made)
    result = train_rl(policy, schedule(rows), settings, rl, rewards, seed, log_file, checkpoints, options)
    result.metrics["prompts"] = counts
    return result
