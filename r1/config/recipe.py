"""The full configuration, in R1's order, and constraints across its parts."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from r1.config.base import Name, Section, leaves_project, on_this_machine
from r1.config.data import PrepareConfig
from r1.config.evaluation import AblationConfig, EvaluateConfig, ReferenceConfig, ReportConfig
from r1.config.finetuning import ColdStartDataConfig, RejectionSamplingConfig, RewardModelConfig, SftConfig
from r1.config.launcher import LauncherConfig
from r1.config.models import BaseConfig
from r1.config.plugin_users import plugin_users
from r1.config.plugins import find
from r1.config.rl import FinalRlConfig, PassRateConfig, PpoConfig, RlConfig, RlStageConfig, check_rl_launch
from r1.config.sampling import EngineConfig, OpenaiEngineConfig, RayEngineConfig, VllmServerRolloutConfig
from r1.config.training import OptimizationConfig, TrainingConfig, check_batch
from r1.recipe import BASES, runs

RL_RUNS = runs("rl")
"""Runs that train on the RL prompts."""
STUDENT_RUNS = tuple(run for run in RL_RUNS if run.startswith("student_rl_"))
SandboxPolicy = Literal["bubblewrap", "none"]
Tracker = Literal["none", "tensorboard", "trackio", "wandb", "mlflow"]


MAX_SEED = 2**31 - 1
"""NumPy takes seeds below 2**32, and ranks, chunks and samples add their number to ours; endpoints may take 31 bits."""


class Config(Section):
    """The full recipe, in R1's order.

    tracking: where training is logged besides our own curves; no stage depends on it.
    plugins: folder of the tasks, rewards, adapters and engines named by import path.
    """

    profile: Name
    seed: int = Field(ge=0, le=MAX_SEED)
    offline: bool
    sandbox: SandboxPolicy
    tracking: Tracker
    model: str | None
    plugins: str
    launcher: LauncherConfig
    prepare: PrepareConfig
    base: BaseConfig
    base_qwen: BaseConfig
    base_llama: BaseConfig
    training: TrainingConfig
    rl: RlConfig
    zero: RlStageConfig
    cold_start_data: ColdStartDataConfig
    cold_start: SftConfig
    reasoning_rl: RlStageConfig
    rejection_sampling: RejectionSamplingConfig
    sft: SftConfig
    reward_model: RewardModelConfig
    final_rl: FinalRlConfig
    distill_qwen: SftConfig
    distill_llama: SftConfig
    student_rl_qwen: RlStageConfig
    student_rl_llama: RlStageConfig
    evaluate: EvaluateConfig
    report: ReportConfig
    reference: ReferenceConfig
    ablation: AblationConfig

    @model_validator(mode="after")
    def _tracker_is_installed(self) -> Self:
        if self.tracking != "none" and find_spec(self.tracking) is None:
            raise ValueError(f"tracking = {self.tracking!r}: is not installed; `pip install {self.tracking}`")
        return self

    @model_validator(mode="after")
    def _plugins_are_found(self) -> Self:
        if leaves_project(self.plugins):
            raise ValueError(f"plugins = {self.plugins!r}: leaves the project; if it is meant, use an absolute path")
        for plugin in {plugin for used in plugin_users(self).values() for plugin in used}:
            try:
                find(self.plugins, plugin.name)
            except ValueError as error:
                raise ValueError(f"{plugin.key} = {plugin.name!r}: {error}") from None
        return self

    @model_validator(mode="after")
    def _checkpoints_exist(self) -> Self:
        for name in (*BASES, "reference"):
            checkpoint = getattr(self, name).checkpoint
            if checkpoint is not None and leaves_project(checkpoint):
                raise ValueError(
                    f"{name}.checkpoint = {checkpoint!r}: leaves the project; "
                    f"if it is meant, use an absolute path: {os.path.abspath(checkpoint)}"
                )
            local = checkpoint is not None and (self.offline or checkpoint.startswith((".", "/", "~")))
            if local and not Path(checkpoint).expanduser().exists():
                hint = "; with offline=false it may be a hub id" if self.offline else ""
                hint = "; `make smollm2` fetches it" if self.profile == "smollm2" else hint
                raise ValueError(f"{name}.checkpoint = {checkpoint!r}: no such file or directory{hint}")
        return self

    @model_validator(mode="after")
    def _data_sets_exist(self) -> Self:
        for key in ("data_sets", "general_data_sets"):
            for name, data_set in getattr(self.prepare, key).items():
                if reason := data_set.missing_because(self.offline):
                    raise ValueError(f"prepare.{key}.{name}.path = {data_set.path!r}: {reason}")
        return self

    @model_validator(mode="after")
    def _benchmarks_are_evaluated(self) -> Self:
        """Only where a checkpoint is given: without one, nothing reads these names."""
        for name in self.reference.num_samples if self.reference.checkpoint is not None else ():
            data_set = self.prepare.data_sets.get(name)
            if data_set is None or set(data_set.splits) != {"evaluate"}:
                evaluated = [key for key, one in self.prepare.data_sets.items() if set(one.splits) == {"evaluate"}]
                raise ValueError(
                    f"reference.num_samples.{name}: names no data set that is only evaluated; prepare.data_sets has "
                    f"{', '.join(evaluated) or 'none: compose data=mathematics'}"
                )
        return self

    @model_validator(mode="after")
    def _the_compared_budget_is_measured(self) -> Self:
        thinking, budget = self.evaluate.thinking, self.report.thinking_budget
        if thinking.models and budget not in thinking.budgets:
            raise ValueError(
                f"report.thinking_budget = {budget}: must be one of evaluate.thinking.budgets, "
                f"{', '.join(map(str, thinking.budgets))}"
            )
        return self

    @model_validator(mode="after")
    def _bases_have_text(self) -> Self:
        """A base pretrained from scratch learns from the corpus, to which data sets contribute nothing."""
        documents = self.prepare.general.documents + sum(family.documents for family in self.prepare.families.values())
        for name in BASES:
            if not documents and getattr(self, name).checkpoint is None:
                raise ValueError(
                    f"{name}.checkpoint = None: and prepare asks for no documents to pretrain a base on; "
                    "give a checkpoint, or documents"
                )
        return self

    @model_validator(mode="after")
    def _rl_can_be_launched(self) -> Self:
        sharding = self.launcher.sharding
        for name in RL_RUNS:
            rl = self.rl.of_students if name in STUDENT_RUNS else self.rl
            check_rl_launch(rl, getattr(self, name), sharding, self.launcher.total_processes)
        if self.training.lora is not None and sharding in ("fsdp2", "zero3"):
            raise ValueError(
                f"training.lora = {self.training.lora.r}: adapters cannot be merged into weights that {sharding} "
                "spreads over processes; launcher=ddp, or lora=none"
            )
        return self

    @model_validator(mode="after")
    def _batches_are_shared_out(self) -> Self:
        for name in Config.model_fields:
            section = getattr(self, name)
            settings = (
                section.pretraining if isinstance(section, BaseConfig) and section.checkpoint is None else section
            )
            if isinstance(settings, OptimizationConfig | RlStageConfig):
                try:
                    check_batch(settings.batch_size, settings.micro_batch_size, self.launcher.total_processes)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return self

    @model_validator(mode="after")
    def _endpoints_are_near(self) -> Self:
        engines: dict[str, EngineConfig] = {
            "cold_start_data.engine": self.cold_start_data.engine,
            "rejection_sampling.engine": self.rejection_sampling.engine,
            "evaluate.engine": self.evaluate.engine,
        }
        if isinstance(self.rl.difficulty, PassRateConfig):
            engines["rl.difficulty.engine"] = self.rl.difficulty.engine
        called: dict[str, str] = {}
        for key, engine in engines.items():
            if isinstance(engine, OpenaiEngineConfig):
                called[f"{key}.base_url"] = engine.base_url
            elif isinstance(engine, RayEngineConfig) and engine.address is not None and engine.address != "auto":
                called[f"{key}.address"] = engine.address
        if isinstance(self.rl.rollout, VllmServerRolloutConfig):
            called["rl.rollout.base_url"] = self.rl.rollout.base_url
        for key, address in called.items():
            if self.offline and not on_this_machine(address):
                raise ValueError(
                    f"{key} = {address!r}: is not on this machine, and offline is true; "
                    "with offline=false it may be called"
                )
        return self

    @model_validator(mode="after")
    def _rewards_stand_once(self) -> Self:
        extra = self.rl.algorithm.extra_rewards
        for name in RL_RUNS:
            for reward in extra:
                if reward in getattr(self, name).rewards:
                    raise ValueError(
                        f"rl.algorithm.extra_rewards.{reward} = {extra[reward]}: is already in {name}.rewards; "
                        "set its weight there"
                    )
        return self

    @model_validator(mode="after")
    def _adapters_suffice(self) -> Self:
        """With LoRA the reference is the policy without adapters, so it cannot be updated; a critic has no adapters."""
        if self.training.lora is None:
            return self
        algorithm = self.rl.algorithm
        if isinstance(algorithm, PpoConfig):
            raise ValueError(
                "training.lora: PPO's critic trains all weights; choose another rl/algorithm, or lora null"
            )
        steps = max(getattr(self, name).max_steps for name in RL_RUNS)
        if algorithm.beta and algorithm.ref_model_sync_steps < steps:
            raise ValueError(
                f"rl.algorithm.ref_model_sync_steps = {algorithm.ref_model_sync_steps}: with training.lora the "
                f"reference cannot be replaced, so it must be at least the longest max_steps, {steps}"
            )
        return self

    @model_validator(mode="after")
    def _code_is_rewarded(self) -> Self:
        """Without a reward for code, RL on code prompts would silently learn nothing."""
        asked = {
            f"families.{name}.rl": family.rl for name, family in self.prepare.families.items() if family.task == "code"
        } | {
            f"data_sets.{name}.splits.rl": data_set.splits.get("rl", 0)
            for name, data_set in self.prepare.data_sets.items()
            if data_set.is_code
        }
        for key, count in asked.items():
            for name in RL_RUNS if count else ():
                rewards = {**getattr(self, name).rewards, **self.rl.algorithm.extra_rewards}
                if not rewards.get("code_reward") and not rewards.get("binary_code_reward"):
                    raise ValueError(
                        f"{name}.rewards: code_reward is missing, which alone pays for the {count} prompts of "
                        f"prepare.{key}; set it, or choose code=none"
                    )
        return self
