"""Reinforcement learning of a policy with any of the algorithms, on TRL's trainers.

The default is GRPO as in the paper (equations 1 to 3): advantages are rewards
normalized within the group of a prompt's completions; the ratio to the sampling
policy is clipped; the KL to the reference policy is estimated by k3; the policy
becomes the new reference policy every `ref_model_sync_steps` steps.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
from datasets import Dataset
from transformers import PreTrainedModel
from trl import GRPOConfig, RLOOConfig

from r1.config.rl import FinalRlConfig, LeaveOneOutConfig, PpoConfig, RlConfig, check_rl_launch
from r1.config.training import TrainingConfig
from r1.models.chat import as_messages
from r1.models.patches import shard_reference_by_layer
from r1.models.policy import Policy
from r1.rewards import build_rewards
from r1.rewards.common import RewardFunction
from r1.rl.arguments import algorithm_arguments, rollout_arguments
from r1.rl.difficulty import choose_prompts, within_context
from r1.rl.micro_batches import MicroBatchLimit
from r1.rl.rollouts import check_rollout
from r1.rl.schedule import all_scenarios, in_order
from r1.rl.settings import RlSettings
from r1.support.artifacts import write_text
from r1.support.errors import UserError
from r1.support.processes import is_main, world_size
from r1.training.arguments import checkpoint_arguments, device_arguments, flops, sharding
from r1.training.checkpoints import train
from r1.training.compute import check_compute, lora_config, merged, weights_dtype
from r1.training.context import Trained, TrainingContext
from r1.training.recorder import Recorder
from r1.training.rollout_log import FOLDER

log = logging.getLogger(__name__)

Rows = list[dict[str, Any]]


def train_rl(
    policy: Policy,
    prompts: Rows,
    settings: RlSettings,
    context: TrainingContext,
    held_back: Rows | None = None,
    **custom_rewards: RewardFunction,
) -> Trained:
    """Train a policy with the configured algorithm.

    Args:
        policy: the initial policy.
        prompts: rows of `prompt` (conversation), `task`, `answer`, `kind`, in training
            order, as many as the run needs.
        settings: of this run.
        context: seed, files and compute options.
        held_back: problems to evaluate on every `rl.validation_steps`, rows of `prompt`, `task`, `answer`.
        custom_rewards: reward functions beside the built-in rules, by name.

    Raises:
        CannotTrain: if this machine lacks a training option.
        UserError: if the launcher cannot run this configuration, vLLM is incompatible with the other packages,
            or the rollout server does not answer.
        Stopped: if the loss is not finite, or if a limit of `rl` is exceeded for `rl.patience` steps.
    """
    held_back = held_back or []
    asked = [{"prompt": as_messages(row["prompt"])} for row in held_back]
    stage, shared, algorithm, training = settings.stage, settings.shared, settings.algorithm, context.training
    check_compute(training)
    try:
        check_rl_launch(shared, stage, sharding(), world_size())
    except ValueError as error:
        raise UserError(str(error)) from None
    check_rollout(shared.rollout)
    functions, weights = build_rewards(
        settings.reward_weights, shared.reward_options, stage.max_completion_length, **custom_rewards
    )
    arguments = {
        **device_arguments(context),
        **rollout_arguments(shared.rollout, policy, prompts + asked, stage.max_completion_length),
        **algorithm_arguments(settings),
        # With LoRA the reference policy is the policy without its adapters, which cannot be updated.
        **({"sync_ref_model": False} if training.lora else {}),
        "reward_weights": weights,
        # Otherwise TRL loads the reference policy with device_map="auto": in each process, over all its node's GPUs.
        **({"model_init_kwargs": {"device_map": None}} if sharding() == "fsdp2" else {}),
        **checkpoint_arguments(context, settings.round_up(shared.checkpoint_steps)),
    }
    if isinstance(algorithm, PpoConfig) and algorithm.critic_warmup_steps >= stage.max_steps:
        log.warning(
            "rl.algorithm.critic_warmup_steps = %d, max_steps = %d: only the critic learns, the policy does not change",
            algorithm.critic_warmup_steps,
            stage.max_steps,
        )
    # Import only now: rollout_arguments decides whether TRL imports vLLM.
    from r1.rl.trainers import TRAINERS

    shard_reference_by_layer()

    dtype, attention = weights_dtype(training), training.attention
    record = Recorder(context.curve, settings.rollout_budget, settings.steps_per_round)
    trainer: Any = TRAINERS[type(algorithm)](
        model=policy.load(dtype, attention),
        reward_funcs=functions,
        args=(RLOOConfig if isinstance(algorithm, LeaveOneOutConfig) else GRPOConfig)(**arguments),
        train_dataset=Dataset.from_list(prompts),
        processing_class=policy.tokenizer,
        record=record,
        rl=shared,
        held_back=held_back,
        micro_batch=MicroBatchLimit(stage.micro_batch_size, stage.micro_batch_tokens),
        start=policy.load(dtype, attention) if algorithm.beta == 0 and training.lora is None else None,
        peft_config=lora_config(training),
        **({"critic": policy.load_critic(attention)} if isinstance(algorithm, PpoConfig) else {}),
    )
    model = merged(train(trainer))
    if is_main():
        phases = context.curve.parent / "throughput" / context.curve.name
        write_text(phases, pd.DataFrame(record.phases).to_csv(index=False))
    tokens = int(trainer.state.num_input_tokens_seen)
    summary = record.summary(tokens)
    return Trained(
        model,
        policy.tokenizer,
        metrics={
            **summary,
            "algorithm": algorithm.name,
            "rollouts": record.rollouts,
            "reward": record.tail_mean("reward"),
            "flops": _flops(model, tokens, sum(row["train_tokens"] for row in record.phases), settings, training),
            "phases": record.phase_summary(),
            "rollout_log": {"rounds": record.kept_rollouts["rounds"], "kept": len(record.kept_rollouts["parts"])},
            **({"kept": record.best} if record.best else {}),
        },
        counts={
            "steps": len(record.rows),
            "rollouts": record.rollouts,
            **({"kept_step": record.best["step"]} if record.best else {}),
        },
        samples=pd.DataFrame(record.samples),
        rollouts=context.checkpoints / FOLDER,
    )


def train_on_rules(policy: Policy, rows: Rows, settings: RlSettings, context: TrainingContext) -> Trained:
    """Train a policy on the RL prompts only, with rule-based rewards.

    Args:
        policy: the initial policy.
        rows: rows of RL prompts; `choose_prompts` selects among them.
        settings: of this run.
        context: seed, files and compute options.

    Raises:
        ContextExceeded, NothingLeft: if no prompt is left; and what `train_rl` raises.
    """
    count = settings.rollout_budget // settings.stage.num_generations
    curriculum = settings.shared.difficulty.name == "curriculum"
    schedule = partial(in_order, count=count, curriculum=curriculum, seed=context.seed)
    return _train_on_chosen(policy, rows, settings, context, schedule)


def train_on_all_scenarios(
    policy: Policy,
    rows: Rows,
    general: Rows,
    config: FinalRlConfig,
    shared: RlConfig,
    context: TrainingContext,
    preference: RewardFunction,
) -> Trained:
    """Train a policy on RL prompts with rule-based rewards and, late in the run, on general prompts by preference.

    Args:
        policy: the initial policy.
        rows: rows of RL prompts; `choose_prompts` selects among them.
        general: rows of general prompts; those that do not fit are dropped and counted.
        config: settings of this run.
        shared: settings of all RL runs.
        context: seed, files and compute options.
        preference: reward function for responses to general prompts.

    Raises:
        ContextExceeded, NothingLeft: if no prompt is left; and what `train_rl` raises.
    """
    settings = RlSettings(config, shared)
    general_that_fit = within_context(general, policy, config)
    schedule = partial(
        all_scenarios,
        general=general_that_fit,
        settings=config,
        rollouts=settings.rollout_budget,
        seed=context.seed,
    )
    trained = _train_on_chosen(policy, rows, settings, context, schedule, preference_reward=preference)
    trained.metrics["general_prompts"] = {"all": len(general), "too_long": len(general) - len(general_that_fit)}
    return trained


def _train_on_chosen(
    policy: Policy,
    rows: Rows,
    settings: RlSettings,
    context: TrainingContext,
    schedule: Callable[[Rows], Rows],
    **custom_rewards: RewardFunction,
) -> Trained:
    choice = choose_prompts(rows, policy, settings, context.seed)
    trained = train_rl(policy, schedule(choice.rows), settings, context, choice.held_back, **custom_rewards)
    trained.metrics["prompts"] = choice.counts
    return replace(trained, suspect_gold=pd.DataFrame(choice.suspects) if choice.suspects else None)


def _flops(
    model: PreTrainedModel, sampled: int, trained: float, settings: RlSettings, training: TrainingConfig
) -> float:
    """Floating-point operations of generation, log-probabilities of reference and sampling policy, and training.

    PPO's critic counts as a second policy.

    Args:
        model: the policy.
        sampled: tokens of all rollouts, prompts included.
        trained: tokens in the loss, prompts included.
        settings: decide which log-probabilities are recomputed.
        training: decides whether all weights are trained.
    """
    # Two: generation, and the KL to the reference or initial policy, which is always measured.
    forwards = 2 + settings.shared.rescores
    models = 2 if isinstance(settings.algorithm, PpoConfig) else 1
    return flops(model, (forwards + models - 1) * sampled, models * int(trained), training)
