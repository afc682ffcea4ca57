"""Settings of the question: experiments/long_to_short/params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section, Share
from r1.config.rewards import RuleWeights
from r1.questions.arm import Bounds, QuestionSettings

CONTROL, LONG_TRACES, SHORT_TRACES = "random_right", "long_traces", "short_traces"
"""Arms that the claims name; the one that merges has the models as they are, and the others are methods."""
SHORT, LONG = "short", "long"
"""The models as they are."""
ModelName = Literal["long", "short"]


class Inputs(Section):
    """What the arms start from.

    Attributes:
        long: the long model.
        short: the short model, of the same architecture and tokenizer.
        prompts: problems to learn from: rows of `prompt`, `answer`, `task`, `level`, `family`.
        evaluate: evaluation problems, rows of the same columns.
    """

    long: str
    short: str
    prompts: str
    evaluate: str


class Merge(Section):
    """Average the weights of both models; nothing is trained.

    Attributes:
        weights: of the long model, ascending; 0 is the short model as it is, 1 the long one.
    """

    method: Literal["merge"]
    weights: Annotated[tuple[Probability, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _both_ends(self) -> Self:
        if list(self.weights) != sorted(set(self.weights)) or (self.weights[0], self.weights[-1]) != (0, 1):
            raise ValueError(f"weights {list(self.weights)}: must ascend from 0, the short model, to 1, the long one")
        return self


class Reinforce(Section):
    """RL of the long model.

    Attributes:
        rewards: weight by name; `len_reward` is Kimi k1.5's.
    """

    method: Literal["rl"]
    rewards: RuleWeights


class Finetune(Section):
    """Fine-tuning on one right completion per problem.

    Attributes:
        student: the model that is fine-tuned.
        teacher: the model that wrote the completions.
        keep: which right completion of a problem.
    """

    method: Literal["sft"]
    student: ModelName
    teacher: ModelName
    keep: Literal["shortest", "random"]


class Prefer(Section):
    """DPO of the long model: a problem's shortest right completion against a longer one, right or wrong."""

    method: Literal["dpo"]


Method = Annotated[Merge | Reinforce | Finetune | Prefer, Field(discriminator="method")]


class LongToShortBounds(Bounds):
    """Bounds of the claims.

    Attributes:
        shorter: share of the long model's tokens that a method must save.
        margin: pass@1 that it may lose in return.
    """

    shorter: Share
    margin: Probability


class Settings(QuestionSettings):
    """experiments/long_to_short/params.yaml.

    Attributes:
        problems: to sample completions of, and to train on in RL.
        candidates: completions per problem.
        temperature: at which they are sampled.
        examples: training examples, or pairs, at most one per problem.
        epochs, batch_size: of every fine-tuning and of DPO; the rest is the recipe's `sft`.
        learning_rate: of the fine-tuning.
        longer: a right completion is rejected in DPO if it is so many times as long as the shortest one.
        beta, dpo_learning_rate: of DPO.
        max_steps, rl_learning_rate, rollouts, num_generations: of RL; the rest is the recipe's `zero`.
        evaluated: evaluation problems per level.
        samples: completions per evaluation problem.
        max_new_tokens: of every completion; a longer one is cut short and counts as wrong.
    """

    inputs: Inputs
    arms: Annotated[Mapping[Name, Method], Field(min_length=1)]
    bounds: LongToShortBounds
    problems: PositiveInt
    candidates: int = Field(ge=2)
    temperature: PositiveFloat
    examples: PositiveInt
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    longer: float = Field(gt=1)
    beta: PositiveFloat
    dpo_learning_rate: PositiveFloat
    max_steps: PositiveInt
    rl_learning_rate: PositiveFloat
    rollouts: PositiveInt
    num_generations: int = Field(ge=2)
    evaluated: PositiveInt
    samples: PositiveInt
    max_new_tokens: PositiveInt

    @model_validator(mode="after")
    def _claims_have_their_arms(self) -> Self:
        if missing := [name for name in (CONTROL, LONG_TRACES, SHORT_TRACES) if name not in self.arms]:
            raise ValueError(f"arms: the claims need {', '.join(missing)}")
        merging = [name for name, arm in self.arms.items() if isinstance(arm, Merge)]
        if len(merging) != 1:
            raise ValueError(f"arms: exactly one needs method merge; there are {len(merging)}")
        return self

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.rollouts % self.num_generations:
            raise ValueError(f"rollouts {self.rollouts} must be a multiple of num_generations {self.num_generations}")
        if self.examples > self.problems:
            raise ValueError(f"examples {self.examples} exceed problems {self.problems}: there is one per problem")
        return self

    @property
    def methods(self) -> list[str]:
        """Models that the long one became, by name: merged ones, then the trained ones, without control and traces."""
        named: list[str] = []
        for name, arm in self.arms.items():
            if isinstance(arm, Merge):
                named += [merged_name(weight) for weight in arm.weights[1:-1]]
            elif name not in (CONTROL, LONG_TRACES, SHORT_TRACES):
                named.append(name)
        return named


def merged_name(weight: float) -> str:
    """What a merged model is called, by the weight of the long one: short at 0, long at 1, merged_50 at a half."""
    return {0.0: SHORT, 1.0: LONG}.get(weight, f"merged_{100 * weight:.0f}")
