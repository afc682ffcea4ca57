"""Settings of the question: experiments/degradation/params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section
from r1.questions.arm import Bounds, QuestionSettings

PLAIN, VERIFIED, CONTROL = "everything", "verified", "original"
"""Arms that the claims compare; others are judged by their share of wrong examples."""


class Inputs(Section):
    """What the arms start from.

    Attributes:
        base: model that every generation starts from.
        problems: what the models write about: rows of `prompt`, `answer`, `task`.
        evaluate: evaluation problems, rows with `level` and `family` too.
        original: rows of `prompt` and `completion`, written by people; null: the authors of the corpus write them.
    """

    base: str
    problems: str
    evaluate: str
    original: str | None = None


class Source(Section):
    """Where the training data of generations 1, 2, … come from.

    Attributes:
        original: share that is original; the model of the generation before wrote the rest.
        verified: keep only what the verifier accepts.
        errs: share of the verifier's verdicts that are turned around.
    """

    original: Probability
    verified: bool
    errs: Probability = 0.0

    @model_validator(mode="after")
    def _only_a_verifier_errs(self) -> Self:
        if self.errs and not self.verified:
            raise ValueError(f"errs {self.errs} needs verified true")
        return self


class DegradationBounds(Bounds):
    """Bounds of the claims.

    Attributes:
        decay: loss of pass@1 from generation 0 to the last that counts as decay, and more than which none may lose.
        diversity: loss in the share of distinct traces that counts.
    """

    decay: Probability
    diversity: Probability


class Settings(QuestionSettings):
    """experiments/degradation/params.yaml.

    Attributes:
        generations: after generation 0, which learns from original data alone.
        examples: training examples of a generation.
        candidates: completions that a generation writes per problem, at most.
        problems: problems that it writes about.
        temperature: at which it writes.
        epochs, learning_rate, batch_size: of its fine-tuning; the rest is the recipe's `sft`.
        evaluated: evaluation problems per level.
        samples: completions per evaluation problem.
        tail: quantile of generation 0's lengths above which a solution is long.
    """

    inputs: Inputs
    arms: Annotated[Mapping[Name, Source], Field(min_length=1)]
    bounds: DegradationBounds
    generations: PositiveInt
    examples: PositiveInt
    candidates: PositiveInt
    problems: PositiveInt
    temperature: PositiveFloat
    epochs: PositiveInt
    learning_rate: PositiveFloat
    batch_size: PositiveInt
    evaluated: PositiveInt
    samples: int = Field(ge=2)
    tail: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _claims_have_their_arms(self) -> Self:
        if missing := [name for name in (PLAIN, VERIFIED, CONTROL) if name not in self.arms]:
            raise ValueError(f"arms: the claims need {', '.join(missing)}")
        return self
