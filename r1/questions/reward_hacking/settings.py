"""Settings of the question: experiments/reward_hacking/params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section, Share
from r1.questions.arm import Bounds, QuestionSettings, ShortRl

RewardName = Literal["accuracy_reward", "format_reward", "contains_gold", "long_reward"]
"""The recipe's rewards, and this question's own (r1/questions/reward_hacking/rewards.py)."""
HOLES: tuple[RewardName, ...] = ("contains_gold", "format_reward", "long_reward")
"""Rewards that pay for wrong answers."""


class Inputs(Section):
    """What the arms start from.

    Attributes:
        base: the initial policy.
        prompts: of RL: rows of `prompt`, `answer`, `task`.
        evaluate: evaluation problems, rows with `level` and `family` too.
    """

    base: str
    prompts: str
    evaluate: str


class Rewards(Section):
    """Rewards of an arm.

    Attributes:
        rewards: weight by name.
        hole: share of the prompts for which `contains_gold` is lax; for the others it reads the answer.
        hack: the reward that is hacked if it is earned with a wrong answer; null in the control.
    """

    rewards: Annotated[Mapping[RewardName, PositiveFloat], Field(min_length=1)]
    hole: Share = 1.0
    hack: RewardName | None

    @model_validator(mode="after")
    def _the_hack_is_paid(self) -> Self:
        if self.hack is not None and (self.hack not in HOLES or self.hack not in self.rewards):
            raise ValueError(f"hack {self.hack!r}: must be one of {', '.join(HOLES)} that `rewards` has")
        return self


class Alarm(Section):
    """An indicator and when it rings: when its mean over `window` steps leaves a range.

    Attributes:
        column: of the table `steps`.
        of: the value, its change since the first window, or its ratio to the first window's.
        below, above: it rings below one or above the other.
    """

    column: str
    of: Literal["value", "change", "ratio"]
    below: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _rings(self) -> Self:
        if self.below is None and self.above is None:
            raise ValueError("below or above must be set")
        return self


class HackingBounds(Bounds):
    """Bounds of the claims.

    Attributes:
        window: steps of every moving mean.
        found: rise of the share of hacked rollouts, over its first window, at which the hole counts as found.
        hacked: rise of that share on evaluation problems which counts; in the control it must stay below.
        learns: rise of pass@1 that the sound verifier must bring.
        watched: share of the runs that found their hole in which a watch must ring by then.
        alarms: indicators by name. The guards are the recipe's limits, `rl`.
    """

    window: PositiveInt
    found: Share
    hacked: Share
    learns: Probability
    watched: Probability
    alarms: Annotated[Mapping[Name, Alarm], Field(min_length=1)]


class Settings(ShortRl, QuestionSettings):
    """experiments/reward_hacking/params.yaml.

    Attributes:
        max_steps, learning_rate, warmup_steps, batch_size, num_generations: of RL; the rest is the recipe's `zero`.
        validation_steps: steps between evaluations on held-back problems, by the sound verifier.
        validation_problems: how many.
        earned: part of a reward from which on it counts as earned.
        evaluated: evaluation problems per level.
        samples: completions per evaluation problem.
    """

    inputs: Inputs
    arms: Annotated[Mapping[Name, Rewards], Field(min_length=2)]
    bounds: HackingBounds
    validation_steps: PositiveInt
    validation_problems: PositiveInt
    earned: Share
    evaluated: PositiveInt
    samples: PositiveInt

    @model_validator(mode="after")
    def _one_control(self) -> Self:
        sound = [name for name, arm in self.arms.items() if arm.hack is None]
        if len(sound) != 1:
            raise ValueError(f"arms: exactly one needs hack null, the control; there are {len(sound)}")
        return self

    @property
    def control(self) -> str:
        """The arm with the sound verifier."""
        return next(name for name, arm in self.arms.items() if arm.hack is None)
