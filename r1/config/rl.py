"""Reinforcement learning: algorithms, prompt selection, rewards, runs."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Probability, Section, Share
from r1.config.correction import CorrectionConfig
from r1.config.launcher import Sharding
from r1.config.rewards import GROUP_REWARDS, ExtraWeights, RewardOptionsConfig, RewardWeights, RuleWeights
from r1.config.sampling import EngineConfig, RolloutConfig, VllmEngineConfig

AlgorithmName = Literal["grpo", "dr_grpo", "dapo", "gspo", "rloo", "reinforce_pp", "ppo"]


class PolicyOptimizationConfig(Section):
    """Shared by every RL algorithm; names are TRL's where it has one.

    Attributes:
        beta: weight of the KL to the reference policy; with 0, no reference is loaded.
        epsilon, epsilon_high: clip the ratio to the sampling policy to [1 - epsilon, 1 + epsilon_high].
        ref_model_sync_steps: optimizer steps between updates of the reference to the current policy.
        num_mini_batches: optimizer steps per generation round; 1 is strictly on-policy.
        num_iterations: passes over a round's rollouts (inner epochs).
        extra_rewards: weights of rewards added to every RL stage's own, such as Kimi's `len_reward`.
    """

    beta: NonNegativeFloat
    epsilon: PositiveFloat
    epsilon_high: PositiveFloat
    ref_model_sync_steps: PositiveInt
    num_mini_batches: PositiveInt
    num_iterations: PositiveInt
    extra_rewards: ExtraWeights


class GroupRelativeConfig(PolicyOptimizationConfig):
    """GRPO and its variants: an advantage is a reward relative to its group.

    Attributes:
        loss_type: normalizes token losses by completion length (grpo), a constant (dr_grpo), or the batch's total
            tokens (dapo).
        scale_rewards: divides centered rewards by the standard deviation of the group or the batch, or by nothing.
        importance_sampling_level: one ratio per token, or one per sequence (gspo).
        max_resampling_rounds: rounds that replace groups without reward variance by groups of fresh prompts (dapo);
            0 keeps them.
    """

    name: Literal["grpo", "dr_grpo", "dapo", "gspo"]
    loss_type: Literal["grpo", "dr_grpo", "dapo"]
    scale_rewards: Literal["group", "batch", "none"]
    importance_sampling_level: Literal["token", "sequence"]
    max_resampling_rounds: int = Field(ge=0)


class LeaveOneOutConfig(PolicyOptimizationConfig):
    """RLOO: the baseline is the mean reward of the group's other completions."""

    name: Literal["rloo"]
    normalize_advantages: bool


class ReinforcePlusPlusConfig(PolicyOptimizationConfig):
    """REINFORCE++: returns include the KL as reward and are whitened over the batch; no critic, no groups."""

    name: Literal["reinforce_pp"]
    gamma: Share


class PpoConfig(PolicyOptimizationConfig):
    """PPO with a critic that has its own backbone.

    Attributes:
        gamma, lam: discount and lambda of GAE.
        value_clip: how far a value may move from its estimate at sampling time before its loss is clipped.
        critic_learning_rate: peak learning rate; the critic follows the policy's warm-up schedule.
        critic_warmup_steps: initial optimizer steps that train only the critic.
    """

    name: Literal["ppo"]
    gamma: Share
    lam: Share
    value_clip: PositiveFloat
    critic_learning_rate: PositiveFloat
    critic_warmup_steps: int = Field(ge=0)


AlgorithmConfig = Annotated[
    GroupRelativeConfig | LeaveOneOutConfig | ReinforcePlusPlusConfig | PpoConfig,
    Field(discriminator="name"),
]


ALGORITHMS: tuple[str, ...] = get_args(AlgorithmName)
"""Allowed values of rl/algorithm."""


class AllPromptsConfig(Section):
    """RL trains on every prompt, in random order."""

    name: Literal["all"]


class PassRateConfig(Section):
    """RL trains on prompts that its initial policy sometimes solves, as measured before training.

    Attributes:
        num_samples: completions per prompt used to measure the pass rate.
        min_pass_rate, max_pass_rate: inclusive bounds of the prompts to keep.
        name: `curriculum` orders prompts from easiest to hardest, `filtered` shuffles them.
    """

    name: Literal["filtered", "curriculum"]
    engine: EngineConfig
    num_samples: PositiveInt
    min_pass_rate: Probability
    max_pass_rate: Probability

    @model_validator(mode="after")
    def _bounds_ordered(self) -> Self:
        if self.min_pass_rate > self.max_pass_rate:
            raise ValueError(f"min_pass_rate {self.min_pass_rate} exceeds max_pass_rate {self.max_pass_rate}")
        return self


DifficultyConfig = Annotated[AllPromptsConfig | PassRateConfig, Field(discriminator="name")]


class RlConfig(Section):
    """Settings shared by every RL stage.

    Attributes:
        correction: of the mismatch between the engine that samples and the trainer; without effect for transformers
            rollouts, which the trainer samples itself.
        max_kl: nats per token between the policy and its reference or start. This and the next six are limits: a
            run beyond one of them for `patience` steps stops with a diagnosis.
        min_entropy, max_entropy: of the policy, nats per token.
        min_length: mean completion length in tokens.
        max_truncated: share of completions that reach the length limit.
        max_reward_drop: how far the reward may fall below its best mean over `patience` steps, in standard deviations
            of the reward over rollouts.
        max_sampler_kl: nats per token between sampler and trainer; vLLM rollouts only.
        patience: consecutive steps beyond a limit, or without reward variance in any group, before the run stops.
        checkpoint_steps: steps between checkpoints; a killed run resumes from the last one.
        validation_steps: steps between evaluations on held-back problems; 0: none.
        validation_problems: problems of the RL split that are held back and never trained on, if there are evaluations.
        rollouts_mib: MiB of disk for a stage's rollouts, all of which are kept within it; beyond it, every second one
            of the oldest rounds is dropped.
        keep: weights that become the stage's model: the last, or those of the best evaluation.
    """

    algorithm: AlgorithmConfig
    difficulty: DifficultyConfig
    rollout: RolloutConfig
    correction: CorrectionConfig
    reward_options: RewardOptionsConfig
    max_kl: PositiveFloat
    min_entropy: NonNegativeFloat
    max_entropy: PositiveFloat
    min_length: NonNegativeFloat
    max_truncated: Probability
    max_reward_drop: PositiveFloat
    max_sampler_kl: PositiveFloat
    patience: PositiveInt
    checkpoint_steps: PositiveInt
    validation_steps: int = Field(ge=0)
    validation_problems: PositiveInt
    rollouts_mib: PositiveInt
    keep: Literal["last", "best"]

    @property
    def rescores(self) -> bool:
        """True if a round computes the policy's log-probabilities at sampling time, beside those in the loss.

        Needed for off-policy steps, for every algorithm but GRPO's family, and to compare vLLM with the trainer.
        """
        algorithm = self.algorithm
        off_policy = algorithm.num_mini_batches * algorithm.num_iterations > 1
        return off_policy or not isinstance(algorithm, GroupRelativeConfig) or self.rollout.name != "transformers"

    @model_validator(mode="after")
    def _entropies_ordered(self) -> Self:
        if self.min_entropy >= self.max_entropy:
            raise ValueError(f"min_entropy {self.min_entropy} must be below max_entropy {self.max_entropy}")
        return self

    @model_validator(mode="after")
    def _best_is_measured(self) -> Self:
        if self.keep == "best" and not self.validation_steps:
            raise ValueError("keep 'best' needs validation_steps of at least 1")
        return self

    @property
    def of_students(self) -> "RlConfig":
        """The same for the students' RL, whose rollouts no server of the teacher can sample."""
        rollout = self.rollout
        return self.model_copy(update={"rollout": rollout.students}) if rollout.name == "vllm_server" else self


class RlStageConfig(Section):
    """One RL run at a constant learning rate; batch_size counts rollouts per optimizer step, num_generations per group.

    max_steps * batch_size is also its rollout budget, which dynamic sampling spends in fewer steps.

    Attributes:
        micro_batch_size: without `micro_batch_tokens`, rollouts that pass through the model at a time if all are as
            long as the longest; of shorter ones, more do.
        micro_batch_tokens: tokens that pass through the model at a time, padding included, whatever the number of
            rollouts; a longer rollout passes alone. null: micro_batch_size times the longest rollout.
        max_prompt_length: tokens of a prompt, chat template included; longer prompts are dropped. null: only those
            that leave no room for a completion in the model's context.
    """

    max_steps: PositiveInt
    learning_rate: PositiveFloat
    warmup_steps: int = Field(ge=0)
    batch_size: PositiveInt
    micro_batch_size: PositiveInt
    micro_batch_tokens: PositiveInt | None
    num_generations: int = Field(ge=2)
    max_prompt_length: PositiveInt | None
    max_completion_length: PositiveInt
    temperature: PositiveFloat
    rewards: RuleWeights

    @model_validator(mode="after")
    def _batch_fits(self) -> Self:
        if self.batch_size % self.num_generations:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of num_generations {self.num_generations} "
                "(whole groups per step)"
            )
        if self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of micro_batch_size {self.micro_batch_size}"
            )
        if self.micro_batch_tokens is not None and self.micro_batch_tokens < self.max_completion_length:
            raise ValueError(
                f"micro_batch_tokens {self.micro_batch_tokens} must be at least max_completion_length "
                f"{self.max_completion_length}, or null"
            )
        if not any(self.rewards.values()):
            raise ValueError("rewards: at least one reward needs a weight other than 0")
        return self


def check_rl_launch(rl: RlConfig, stage: RlStageConfig, sharding: Sharding, processes: int) -> None:
    """Reject settings that RL does not support with this sharding or number of processes.

    Raises:
        ValueError: naming the key.
    """
    algorithm = rl.algorithm
    if sharding in ("fsdp2", "zero3"):
        if isinstance(algorithm, PpoConfig):
            raise ValueError(f"rl.algorithm = 'ppo': its critic is not shared out by {sharding}; launcher=ddp can")
        if rl.rollout.name == "transformers" and sharding == "fsdp2":
            raise ValueError("rl.rollout = 'transformers': cannot generate from the parts that fsdp2 makes; vllm can")
    if isinstance(rl.rollout, VllmEngineConfig) and processes % rl.rollout.tensor_parallel_size:
        raise ValueError(
            f"rl.rollout.tensor_parallel_size = {rl.rollout.tensor_parallel_size}: must divide the launcher's "
            f"processes, which are {processes}"
        )
    if processes > 1 and rl.difficulty.name != "all":
        raise ValueError(f"rl.difficulty = {rl.difficulty.name!r}: measures pass rates, in one process alone")
    if rl.keep == "best" and sharding == "zero3":
        raise ValueError("rl.keep = 'best': cannot load weights into the parts that zero3 makes; fsdp2 can")
    if rl.validation_steps and rl.validation_problems % processes:
        raise ValueError(
            f"rl.validation_problems = {rl.validation_problems}: must be a multiple of the launcher's processes, "
            f"which are {processes}"
        )
    rewards = {**stage.rewards, **algorithm.extra_rewards}
    needs_groups: list[str] = [name for name in GROUP_REWARDS if rewards.get(name)]
    if isinstance(algorithm, GroupRelativeConfig) and algorithm.max_resampling_rounds:
        needs_groups.append("rl.algorithm.max_resampling_rounds")
    if needs_groups and stage.batch_size // processes * algorithm.num_mini_batches % stage.num_generations:
        raise ValueError(
            f"{needs_groups[0]}: needs whole groups in each of {processes} processes, and the share "
            f"of batch_size {stage.batch_size} is not a multiple of num_generations {stage.num_generations}"
        )


class FinalRlConfig(RlStageConfig):
    """RL over all scenarios: the last `general_last` of the steps have a share `general_share` of general prompts."""

    rewards: RewardWeights  # only here are there preference models
    general_last: Probability
    general_share: Probability
