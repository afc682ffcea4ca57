"""Names, weights and parameters of rewards."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, model_validator

from r1.config.base import Section, Share
from r1.config.plugins import check_name, flatten

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
