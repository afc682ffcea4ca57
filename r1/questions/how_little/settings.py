"""Settings of the question: experiments/how_little/params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section, Share
from r1.questions.arm import Bounds, QuestionSettings, ShortRl

FULL = "full"
"""The base that an arm calls by this name is inputs.base; others are in `bases`."""


class Inputs(Section):
    """What the arms start from.

    Attributes:
        base: the recipe's base.
        prompts: of RL: rows of `prompt`, `answer`, `task`, `family`.
        evaluate: evaluation problems, rows with `level` too.
    """

    base: str
    prompts: str
    evaluate: str


class Base(Section):
    """A base beside inputs.base: pretrained as that one is, but for a share of its steps, or smaller.

    Attributes:
        steps: pretraining steps, as a share of the recipe's; the learning rate has a schedule of its own over them.
        width: hidden size, intermediate size and heads, as a share of the recipe's.
        depth: layers, as a share of the recipe's.
        checkpoint: an existing model, which is taken as it is; `steps`, `width` and `depth` then only say where it
            stands.
    """

    steps: PositiveFloat = 1.0
    width: Share = 1.0
    depth: Share = 1.0
    checkpoint: str | None = None

    @property
    def small(self) -> bool:
        """Whether it differs from inputs.base in size."""
        return self.width < 1 or self.depth < 1


class Cell(Section):
    """RL from one base on so many prompts.

    Attributes:
        base: full, or one of `bases`.
        prompts: number of different prompts; 0 for no RL: the base is evaluated twice.
        wrong: the gold answers are other prompts' answers.
        format: the recipe's format reward is paid; without it, what remains says whether form crowds out right answers.
    """

    base: Name
    prompts: NonNegativeInt
    wrong: bool = False
    format: bool = True


class LittleBounds(Bounds):
    """Bounds of the claims.

    Attributes:
        still: change of pass@1 from one evaluation of the same model to the next, which must stay within.
        learns: rise of pass@1 that counts as a gain.
        margin: gain that few prompts may cost, against many.
        silent: rise of the share of groups without a right answer that counts.
        reflects: rise of the share of completions with a word of reflection that counts.
        reflecting: families in which reflection pays; the claims about it are about these.
        window: first and last steps that the tables average over.
    """

    still: Probability
    learns: Probability
    margin: Probability
    silent: Probability
    reflects: Probability
    reflecting: Annotated[tuple[Name, ...], Field(min_length=1)]
    window: PositiveInt


class Settings(ShortRl, QuestionSettings):
    """experiments/how_little/params.yaml.

    Attributes:
        bases: beside inputs.base; those of other sizes smallest first.
        max_steps, learning_rate, warmup_steps, batch_size, num_generations: of RL; the rest is the recipe's `zero`.
        evaluated: evaluation problems per level.
        samples: completions per evaluation problem.
    """

    inputs: Inputs
    bases: Annotated[Mapping[Name, Base], Field(min_length=1)]
    arms: Annotated[Mapping[Name, Cell], Field(min_length=3)]
    bounds: LittleBounds
    evaluated: PositiveInt
    samples: PositiveInt

    @model_validator(mode="after")
    def _arms_have_their_bases(self) -> Self:
        if FULL in self.bases:
            raise ValueError(f"bases: {FULL} is the name of inputs.base")
        for name, cell in self.arms.items():
            if cell.base not in (*self.bases, FULL):
                raise ValueError(f"arms.{name}.base {cell.base!r}: must be one of {', '.join((*self.bases, FULL))}")
            for key, asked in (("wrong", cell.wrong), ("format: false", not cell.format)):
                if asked and not cell.prompts:
                    raise ValueError(f"arms.{name}: {key} needs prompts")
            if cell.wrong and not cell.format:
                raise ValueError(f"arms.{name}: wrong answers and no format reward leave nothing to compare with")
        return self

    @model_validator(mode="after")
    def _claims_have_their_arms(self) -> Self:
        untouched = [name for name, cell in self.arms.items() if not cell.prompts]
        wrong = [name for name, cell in self.arms.items() if cell.wrong]
        if len(untouched) != 1 or len(wrong) != 1:
            raise ValueError(
                f"arms: the controls are one arm with prompts 0 and one with wrong true; there are {len(untouched)} "
                f"and {len(wrong)}"
            )
        if len([cell for cell in self.learning.values() if cell.base == FULL]) < 2:
            raise ValueError(f"arms: the base {FULL} needs two numbers of prompts")
        most = self.learning[self.reference].prompts
        if missing := [name for name in self.bases if not self.cell(name, most)]:
            raise ValueError(f"arms: {', '.join(missing)} must be trained on {most} prompts, as {self.reference} is")
        for name, cell in self.unformatted.items():
            if not self.cell(cell.base, cell.prompts):
                raise ValueError(f"arms.{name}: needs an arm of {cell.base} on {cell.prompts} prompts to compare with")
        return self

    @property
    def learning(self) -> dict[str, Cell]:
        """The arms with RL on right answers and the recipe's rewards, by name."""
        return {name: cell for name, cell in self.arms.items() if cell.prompts and not cell.wrong and cell.format}

    @property
    def unformatted(self) -> dict[str, Cell]:
        """The arms without the format reward, by name."""
        return {name: cell for name, cell in self.arms.items() if not cell.format}

    @property
    def reference(self) -> str:
        """The arm of inputs.base with the most prompts."""
        return max(self._of_full, key=lambda name: self.arms[name].prompts)

    @property
    def fewest(self) -> str:
        """The arm of inputs.base with the fewest prompts."""
        return min(self._of_full, key=lambda name: self.arms[name].prompts)

    @property
    def untouched(self) -> str:
        """The control without RL."""
        return next(name for name, cell in self.arms.items() if not cell.prompts)

    @property
    def wrong(self) -> str:
        """The control with wrong gold answers."""
        return next(name for name, cell in self.arms.items() if cell.wrong)

    @property
    def shares(self) -> list[str]:
        """Bases of inputs.base's size and that one, by pretraining, the least first."""
        steps = {name: base.steps for name, base in self.bases.items() if not base.small} | {FULL: 1.0}
        return sorted(steps, key=lambda name: steps[name])

    @property
    def sizes(self) -> list[str]:
        """Bases of other sizes, in the order of `bases`, and inputs.base last."""
        return [*(name for name, base in self.bases.items() if base.small), FULL]

    def cell(self, base: str, prompts: int) -> str | None:
        """The arm of a base with so many prompts, if there is one."""
        return next(
            (name for name, cell in self.learning.items() if (cell.base, cell.prompts) == (base, prompts)), None
        )

    def with_most(self, base: str) -> str:
        """The arm of a base that is trained on as many prompts as the reference."""
        name = self.cell(base, self.arms[self.reference].prompts)
        assert name is not None  # checked above
        return name

    @property
    def _of_full(self) -> list[str]:
        return [name for name, cell in self.learning.items() if cell.base == FULL]
