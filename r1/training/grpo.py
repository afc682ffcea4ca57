"""Group relative policy optimization, by TRL.

Objective (paper equations 1 to 3): advantages are rewards normalised within the
group of one prompt's completions; the ratio to the sampling policy is clipped;
the KL to the reference policy is the k3 estimator; the reference is replaced by
the policy every `ref_model_sync_steps` steps. Rollouts are on-policy: one
optimizer step a generation round.
"""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import trl.import_utils as import_utils
from datasets import Dataset
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl import GRPOConfig

from r1.config import Rl, RlStage, Rollout, VllmEngine
from r1.data import read_rows
from r1.errors import UserError
from r1.models.chat import as_messages
from r1.models.loading import load_model, load_tokenizer, save
from r1.rewards import build_rewards
from r1.rewards.common import RewardFunction
from r1.stage import Run
from r1.training.common import Recorder, device_arguments, flops

PROMPTS = "data/prompts/rl.parquet"


class NoRewardVariance(UserError):
    """No group had completions of different reward for too many steps: there is nothing to learn from."""


class VarianceGuard(TrainerCallback):
    """Warns when no group has any reward variance, and stops the run if that goes on."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.steps = 0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        share = (logs or {}).get("frac_reward_zero_std")
        if share is None:
            return
        self.steps = self.steps + 1 if share == 1.0 else 0
        if self.steps:
            means = {key: value for key, value in (logs or {}).items() if key.startswith("rewards/")}
            message = f"step {state.global_step}: no group has any reward variance ({self.steps} in a row): {means}"
            if self.steps >= self.patience:
                raise NoRewardVariance(
                    f"{message}; the prompts are all too easy or all too hard, or a reward is broken"
                )
            print(f"warning: {message}", flush=True)


@dataclass(frozen=True)
class RlResult:
    """What an RL run gives: the policy, some samples with rewards, and metrics."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    samples: pd.DataFrame
    metrics: dict[str, float]


def train_grpo(
    policy: Path,
    prompts: Dataset,
    stage: RlStage,
    rl: Rl,
    rewards: tuple[list[RewardFunction], list[float]],
    seed: int,
    log_file: Path,
    shuffle: bool = True,
) -> RlResult:
    """Train a policy with GRPO.

    Args:
        policy: model directory to start from.
        prompts: columns `prompt` (conversation), `task`, `answer`, `kind`.
        stage: this run's settings.
        rl: what all runs share.
        rewards: functions and weights.
        seed: of data order and sampling.
        log_file: where the learning curve goes, CSV.
        shuffle: False keeps the order of the prompts, for a curriculum.

    Raises:
        NoRewardVariance: if rewards give no signal for `rl.max_steps_without_variance` steps.
        BrokenLoss: if the loss is not finite.
    """
    tokenizer, algorithm = load_tokenizer(policy), rl.algorithm
    functions, weights = rewards
    config = GRPOConfig(
        **{**device_arguments(seed), **_rollout_arguments(rl.rollout)},
        learning_rate=stage.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=stage.warmup_steps,
        max_steps=stage.max_steps,
        per_device_train_batch_size=stage.micro_batch_size,
        gradient_accumulation_steps=stage.batch_size // stage.micro_batch_size,
        num_generations=stage.num_generations,
        max_completion_length=stage.max_completion_length,
        temperature=stage.temperature,
        shuffle_dataset=shuffle,
        reward_weights=weights,
        loss_type=algorithm.loss_type,
        scale_rewards=algorithm.scale_rewards,
        beta=algorithm.beta,
        epsilon=algorithm.epsilon,
        sync_ref_model=algorithm.beta > 0,
        ref_model_mixup_alpha=1.0,
        ref_model_sync_steps=algorithm.ref_model_sync_steps,
    )
    from r1.training.grpo_trainer import SamplingGRPOTrainer

    record = Recorder(log_file)
    trainer = SamplingGRPOTrainer(
        model=load_model(policy),
        reward_funcs=functions,
        args=config,
        train_dataset=prompts,
        processing_class=tokenizer,
        callbacks=[record, VarianceGuard(rl.max_steps_without_variance)],
        keep_every=max(1, stage.max_steps // 4),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    model = trainer.accelerator.unwrap_model(trainer.model)
    tokens = int(trainer.state.num_input_tokens_seen)
    forwards = 2 if algorithm.beta > 0 else 1  # generation, and the reference policy
    return RlResult(
        model=model,
        tokenizer=tokenizer,
        samples=pd.DataFrame(trainer.kept),
        metrics={
            **record.summary(tokens),
            "rollouts": stage.max_steps * stage.batch_size,
            "reward": record.tail_mean("reward"),
            "flops": flops(model, forward_tokens=forwards * tokens, trained_tokens=tokens),
        },
    )


def _rollout_arguments(rollout: Rollout) -> dict[str, Any]:
    """GRPOConfig's part about generation: transformers in the trainer, or vLLM colocated with it."""
    if not isinstance(rollout, VllmEngine):
        # TRL's trainer imports vLLM wherever it is installed, which takes seconds; nothing here needs it.
        import_utils.is_vllm_available = lambda *_, **__: False
        return {}
    for name, value in (("RANK", 0), ("LOCAL_RANK", 0), ("WORLD_SIZE", 1), ("MASTER_PORT", 29511)):
        os.environ.setdefault(name, str(value))
    os.environ.setdefault("MASTER_ADDR", "localhost")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(rollout.cpu_kvcache_gib))
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


def write_policy(run: Run, target: str, result: RlResult, inputs: list[str]) -> None:
    """Write a trained policy with its samples, and the run's metrics."""
    counts = {"steps": int(result.metrics["steps"]), "rollouts": int(result.metrics["rollouts"])}
    with run.artifact(target, inputs, counts) as directory:
        save(result.model, result.tokenizer, directory)
        result.samples.to_parquet(directory / "samples.parquet", index=False)
    run.metrics(result.metrics)


def rule_based_rl(run: Run, policy: str, settings: RlStage) -> None:
    """GRPO on the RL prompts with rule rewards; writes data/models/<run.name>."""
    rl = run.config.rl
    result = train_grpo(
        Path(policy),
        Dataset.from_list([{**row, "prompt": as_messages(row["prompt"])} for row in read_rows(PROMPTS)]),
        settings,
        rl,
        build_rewards(settings.rewards, rl.reward_options, settings.max_completion_length),
        run.config.seed,
        run.curve,
    )
    write_policy(run, f"data/models/{run.name}", result, inputs=[policy, PROMPTS])
