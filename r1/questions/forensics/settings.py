"""Settings of the question: experiments/forensics/params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section, Share
from r1.config.rewards import RuleWeights
from r1.questions.arm import Bounds, QuestionSettings, ShortRl

Method = Literal["sft", "rl"]
ModelInput = Literal[
    "base",
    "base_qwen",
    "base_llama",
    "zero",
    "cold_start",
    "reasoning_rl",
    "sft",
    "r1",
    "distill_qwen",
    "distill_llama",
    "student_rl_qwen",
    "student_rl_llama",
]
"""Models of `inputs`."""


class Inputs(Section):
    """What the arms start from.

    Attributes:
        base: model that `corpus` pretrained; the models of the arms `membership` and `cause` start from it.
        base_qwen, …, student_rl_llama: models that `arms` names as students, teachers or known models.
        corpus: rows of `text` and `prompt`, the text's question: what `base` was pretrained on.
        held_out: rows of `text` like `corpus` that `base` was not trained on; null: its generator draws them.
        examples: rows of `prompt` and `completion`, for SFT.
        prompts: rows of `prompt`, `answer`, `task`: of RL, and what teachers write about.
        evaluate: problems on which models are watched, rows with `level` and `family` too.
    """

    base: str
    base_qwen: str
    base_llama: str
    zero: str
    cold_start: str
    reasoning_rl: str
    sft: str
    r1: str
    distill_qwen: str
    distill_llama: str
    student_rl_qwen: str
    student_rl_llama: str
    corpus: str
    held_out: str | None
    examples: str
    prompts: str
    evaluate: str


class Tuning(Section):
    """SFT of an arm; the rest is the recipe's `sft`.

    Attributes:
        learning_rate: the peak.
        batch_size: examples of an optimizer step.
    """

    learning_rate: PositiveFloat
    batch_size: PositiveInt


class Membership(Section):
    """Was this text in the training data?

    Attributes:
        documents: of pretraining: members, and as many that were not.
        examples: of SFT: members, and as many that were not.
        epochs: SFT runs on the members, by how often they see them.
        tuning: of SFT.
        lowest: share of the tokens that min-k % and min-k %++ read.
        sets: sizes of sets of documents that are judged as a whole.
    """

    asks: Literal["membership"]
    documents: int = Field(ge=10)
    examples: int = Field(ge=10)
    epochs: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    tuning: Tuning
    lowest: Share
    sets: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _sets_fit(self) -> Self:
        if 2 * max(self.sets) > min(self.documents, self.examples):
            raise ValueError(f"sets {list(self.sets)}: documents and examples must hold two of the largest")
        if list(self.epochs) != sorted(set(self.epochs)):
            raise ValueError(f"epochs {list(self.epochs)}: must ascend")
        return self


class Teacher(Section):
    """Which teacher did this student learn from?

    Attributes:
        student: model that every student starts from.
        teachers: candidates, each of which has a student.
        completions: that a student learns from.
        epochs, tuning: of its SFT.
        problems: on which a student is sampled, one completion each.
        few: numbers of completions by which it is attributed, beside all.
    """

    asks: Literal["teacher"]
    student: ModelInput
    teachers: Annotated[tuple[ModelInput, ...], Field(min_length=2)]
    completions: PositiveInt
    epochs: PositiveInt
    tuning: Tuning
    problems: PositiveInt
    few: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _few_are_fewer(self) -> Self:
        if max(self.few) > self.problems:
            raise ValueError(f"few {list(self.few)}: at most problems {self.problems}")
        return self


class Making(Section):
    """One way to make a model from the base; exactly one of both.

    Attributes:
        examples: SFT on rows of the corpus, by people, or of `examples`, by a teacher.
        rewards: RL, weight by reward.
    """

    examples: Literal["corpus", "examples"] | None = None
    rewards: RuleWeights | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.examples is None) == (not self.rewards):
            raise ValueError("one of examples and rewards must be set")
        return self

    @property
    def method(self) -> Method:
        """SFT or RL."""
        return "sft" if self.examples else "rl"


class Known(Section):
    """A model of the recipe, as a test of detectors that were trained on others.

    Attributes:
        base: what it started from.
        method: of its training.
    """

    base: ModelInput
    method: Method


class Cause(ShortRl):
    """What made this model?

    Attributes:
        makings: ways to make a model, by name.
        known: models of the recipe.
        examples, epochs, tuning: of SFT.
        max_steps, learning_rate, warmup_steps, batch_size, num_generations: of RL; the rest is the recipe's `zero`.
        spread: every model's learning rate is multiplied by a random factor from 1 / spread to spread, so that the size
            of the difference does not tell the making by itself.
        problems: problems of each level on which a model is watched.
        samples: completions per problem.
    """

    asks: Literal["cause"]
    makings: Annotated[Mapping[Name, Making], Field(min_length=2)]
    known: Mapping[ModelInput, Known]
    examples: PositiveInt
    epochs: PositiveInt
    tuning: Tuning
    spread: float = Field(ge=1)
    problems: PositiveInt
    samples: PositiveInt

    @model_validator(mode="after")
    def _both_methods(self) -> Self:
        if len({one.method for one in self.makings.values()}) < 2:
            raise ValueError("makings: at least one by SFT and one by RL")
        return self


class ForensicsBounds(Bounds):
    """Bounds of the claims.

    Attributes:
        told: AUC above one half, or above the base's before SFT, from which on members are told from others.
        blind: AUC around one half within which a model that saw neither must stay.
        set: size of the sets of documents that are claimed about; one of `sets`.
        named: share of right attributions, to a teacher or a cause, that must be exceeded.
        method: the same for SFT or RL.
        chance: distance from chance within which detectors must stay whose training labels are permuted.
        permutations: of those labels.
    """

    told: Probability
    blind: Probability
    set: PositiveInt
    named: Probability
    method: Probability
    chance: Probability
    permutations: PositiveInt


class Settings(QuestionSettings):
    """experiments/forensics/params.yaml. Every arm asks something else."""

    inputs: Inputs
    arms: Mapping[Name, Annotated[Membership | Teacher | Cause, Field(discriminator="asks")]]
    bounds: ForensicsBounds

    @model_validator(mode="after")
    def _each_asked_once(self) -> Self:
        asked = {name: arm.asks for name, arm in self.arms.items()}
        if any(name != kind for name, kind in asked.items()) or len(asked) < 3:
            raise ValueError("arms: must be membership, teacher and cause, each named as what it asks")
        if self.bounds.set not in self.membership.sets:
            raise ValueError(f"bounds.set {self.bounds.set}: must be one of membership's sets")
        return self

    @property
    def membership(self) -> Membership:
        """Settings of that arm."""
        arm = self.arms["membership"]
        assert isinstance(arm, Membership)
        return arm

    @property
    def teacher(self) -> Teacher:
        """Settings of that arm."""
        arm = self.arms["teacher"]
        assert isinstance(arm, Teacher)
        return arm

    @property
    def cause(self) -> Cause:
        """Settings of that arm."""
        arm = self.arms["cause"]
        assert isinstance(arm, Cause)
        return arm
