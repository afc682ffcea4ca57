"""Reinforcement learning: algorithms, prompt selection, rewards, runs."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from r1.config.base import Probability, Section, Share
from r1.config.launcher import Sharding
from r1.config.plugins import check_name, flatten
from r1.config.sampling import EngineConfig, RolloutConfig, VllmEngineConfig

RuleRewardName = Literal[
    "accuracy_reward",
    "code_reward",
    "binary_code_reward",
    "code_format_reward",
    "format_reward",
    "tag_count_reward",
    "reasoning_steps_reward",
    "len_reward",
    "cosine_scaled_reward",
    "repetition_penalty_reward",
    "soft_overlong_punishment",
    "language_consistency_reward",
]
GROUP_REWARDS: tuple[RuleRewardName, ...] = ("len_reward",)
"""Rewards that compare the completions of a prompt: each process scores its own rollouts, so it needs whole groups."""
AlgorithmName = Literal["grpo", "dr_grpo", "dapo", "gspo", "rloo", "reinforce_pp", "ppo"]
RewardName = RuleRewardName | Literal["preference_reward"]
_RULES = get_args(RuleRewardName)
RuleWeights = Annotated[Mapping[Annotated[str, check_name(*_RULES)], float], BeforeValidator(flatten)]
"""Weights of rule-based rewards: built-in ones by name, plug-ins by import path."""
ExtraWeights = Annotated[
    RuleWeights, AfterValidator(lambda weights: {name: weight for name, weight in weights.items() if weight})
]
"""Without the weights of 0 that conf/extra_rewards.yaml lists."""
RewardWeights = Annotated[
    Mapping[Annotated[str, check_name(*_RULES, "preference_reward")], float], BeforeValidator(flatten)
]


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


class RewardOptionsConfig(Section):
    """Parameters of rewards that take any.

    Attributes:
        cosine_max_value_correct, cosine_min_value_correct: of a short and a long right completion (open-r1's names).
        cosine_min_value_wrong, cosine_max_value_wrong: of a short and a long wrong one.
        math_digits: significant digits in which a number has to agree with gold's in the rewards that use accuracy;
            None: all of them. Evaluation and rejection sampling always ask for all.
    """

    repetition_ngram_size: PositiveInt
    repetition_max_penalty: float = Field(le=0)
    overlong_cache: Share
    reasoning_steps_target: PositiveInt
    cosine_max_value_correct: float
    cosine_min_value_correct: float
    cosine_min_value_wrong: float
    cosine_max_value_wrong: float
    math_digits: PositiveInt | None

    @model_validator(mode="after")
    def _bounds_ordered(self) -> Self:
        for kind in ("correct", "wrong"):
            low, high = (getattr(self, f"cosine_{end}_value_{kind}") for end in ("min", "max"))
            if low > high:
                raise ValueError(f"cosine_min_value_{kind} {low} exceeds cosine_max_value_{kind} {high}")
        return self


class RlConfig(Section):
    """Settings shared by every RL stage.

    Attributes:
        max_kl, min_entropy: nats per token; a KL above or an entropy below stops the run with a diagnosis.
        patience: consecutive steps beyond a bound, or without reward variance in any group, before the run stops.
        checkpoint_steps: steps between checkpoints; a killed run resumes from the last one.
    """

    algorithm: AlgorithmConfig
    difficulty: DifficultyConfig
    rollout: RolloutConfig
    reward_options: RewardOptionsConfig
    max_kl: PositiveFloat
    min_entropy: NonNegativeFloat
    patience: PositiveInt
    checkpoint_steps: PositiveInt


class RlStageConfig(Section):
    """One RL run at a constant learning rate; batch_size counts rollouts per optimizer step, num_generations per group.

    max_steps * batch_size is also its rollout budget, which dynamic sampling spends in fewer steps.
    """

    max_steps: PositiveInt
    learning_rate: PositiveFloat
    warmup_steps: int = Field(ge=0)
    batch_size: PositiveInt
    micro_batch_size: PositiveInt
    num_generations: int = Field(ge=2)
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
