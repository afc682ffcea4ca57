"""Settings of the question: experiments/skill_transfer/params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section
from r1.questions.arm import Bounds, QuestionSettings, ShortRl

GENERAL = "general"
"""In `trains_on`: the general prompts, which have no verifiable answer."""


class Inputs(Section):
    """What the arms start from.

    Attributes:
        base: the initial policy.
        prompts: of RL: rows of `prompt`, `answer`, `task`, `family`.
        general: prompts of RL by preference: rows of `prompt` and `kind`.
        evaluate: evaluation problems, rows with `level` too.
        evaluate_general: general prompts of the evaluation, rows of `prompt`, `kind`, `category`, `chosen`.
        helpful, harmless: preference models; each scores the prompts of its kind.
    """

    base: str
    prompts: str
    general: str
    evaluate: str
    evaluate_general: str
    helpful: str
    harmless: str


class Training(Section):
    """What an arm is trained on.

    Attributes:
        trains_on: families, each a name in inputs.prompts or of the recipe's `prepare.families`; or `general` alone;
            or nothing.
        shuffled: whether the rewards of a prompt's completions are exchanged among them at random.
    """

    trains_on: tuple[Name, ...]
    shuffled: bool = False

    @model_validator(mode="after")
    def _one_reward(self) -> Self:
        if GENERAL in self.trains_on and len(self.trains_on) > 1:
            raise ValueError(f"trains_on {list(self.trains_on)}: general must be alone, it has another reward")
        if self.shuffled and set(self.trains_on) <= {GENERAL}:
            raise ValueError("shuffled needs families in trains_on")
        return self


class TransferBounds(Bounds):
    """Bounds of the claims; of pass@1 but for `liked`.

    Attributes:
        learns: gain on a family from RL on it that must be exceeded.
        nothing: gain from shuffled rewards that must not be reached.
        transfers: gain that counts as transfer.
        margin: loss that does not matter.
        liked: change of the preference score that matters, in standard deviations of the base's scores.
    """

    learns: Probability
    nothing: Probability
    transfers: Probability
    margin: Probability
    liked: PositiveFloat


class Settings(ShortRl, QuestionSettings):
    """experiments/skill_transfer/params.yaml.

    Attributes:
        problems: training problems of each family.
        max_steps, learning_rate, warmup_steps, batch_size, num_generations: of RL; the rest is the recipe's `zero`.
        evaluated: evaluation problems of each family; general prompts are evaluated once each, all of them.
        samples: completions per evaluation problem.
    """

    inputs: Inputs
    arms: Annotated[Mapping[Name, Training], Field(min_length=1)]
    bounds: TransferBounds
    problems: PositiveInt
    evaluated: PositiveInt
    samples: PositiveInt

    @model_validator(mode="after")
    def _claims_have_their_arms(self) -> Self:
        for what, names in (
            ("trains_on []", self._arms(())),
            ("trains_on [general]", self._arms((GENERAL,))),
            ("shuffled true", [name for name, arm in self.arms.items() if arm.shuffled]),
        ):
            if len(names) != 1:
                raise ValueError(f"arms: exactly one needs {what}; there are {len(names)}")
        if len(self.specialists) < 2:
            raise ValueError("arms: at least two need one family each")
        return self

    def _arms(self, trains_on: tuple[str, ...]) -> list[str]:
        return [name for name, arm in self.arms.items() if arm.trains_on == trains_on]

    @property
    def base(self) -> str:
        """The arm that is not trained."""
        return self._arms(())[0]

    @property
    def preference(self) -> str:
        """The arm with the preference reward alone."""
        return self._arms((GENERAL,))[0]

    @property
    def shuffled(self) -> str:
        """The control, whose rewards say nothing."""
        return next(name for name, arm in self.arms.items() if arm.shuffled)

    @property
    def specialists(self) -> dict[str, str]:
        """Family -> arm, of the arms with one family."""
        return {arm.trains_on[0]: name for name, arm in self._reasoning().items() if len(arm.trains_on) == 1}

    @property
    def generalists(self) -> list[str]:
        """The arms with several families."""
        return [name for name, arm in self._reasoning().items() if len(arm.trains_on) > 1]

    @property
    def widest(self) -> str:
        """The reasoning arm with the most families."""
        reasoning = self._reasoning()
        return max(reasoning, key=lambda name: len(reasoning[name].trains_on))

    def _reasoning(self) -> dict[str, Training]:
        return {
            name: arm
            for name, arm in self.arms.items()
            if arm.trains_on and arm.trains_on != (GENERAL,) and not arm.shuffled
        }
