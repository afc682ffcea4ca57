"""One arm of a question with one seed: what it gets, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Self, TypeVar

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Section
from r1.config.recipe import Config

if TYPE_CHECKING:  # a script imports this before its settings are checked
    import pandas as pd


class Bounds(Section):
    """What the claims are judged by, fixed before the run. A question's own bounds go into a subclass.

    Attributes:
        resamples: bootstrap resamples of an interval.
        confidence: level of the intervals.
    """

    resamples: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)


class QuestionSettings(Section):
    """A question's params.yaml. A subclass narrows `inputs`, `arms` and `bounds`, and adds the question's own keys.

    Attributes:
        inputs: path of every artifact or file in one that an arm reads.
        seeds: that every arm runs with.
        arms: what is different in each arm.
        bounds: of the claims; only the report reads them.
    """

    inputs: Section
    seeds: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
    arms: Mapping[Name, Section]
    bounds: Bounds


class ShortRl(Section):
    """RL of a question; the rest is a stage's of the recipe.

    Attributes:
        max_steps, learning_rate, warmup_steps, batch_size, num_generations: as in `r1.config.rl.RlStageConfig`.
    """

    max_steps: PositiveInt
    learning_rate: PositiveFloat
    warmup_steps: NonNegativeInt
    batch_size: PositiveInt
    num_generations: int = Field(ge=2)

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.batch_size % self.num_generations:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of num_generations {self.num_generations}"
            )
        return self

    @property
    def rl(self) -> dict[str, Any]:
        """These settings by name, for `r1.questions.lab.resized`."""
        return {name: getattr(self, name) for name in ShortRl.model_fields}


S = TypeVar("S", bound=QuestionSettings)


@dataclass(frozen=True)
class Arm(Generic[S]):
    """One arm with one seed.

    Attributes:
        name: one of settings.arms.
        seed: of everything random.
        settings: the question's params.yaml.
        recipe: the sections of the recipe's params.yaml that the script declares; others raise AttributeError.
        scratch: folder for weights and checkpoints, deleted once the arm is done; a killed arm finds it again.
    """

    name: str
    seed: int
    settings: S
    recipe: Config
    scratch: Path


@dataclass(frozen=True)
class Outcome:
    """What an arm found out.

    Attributes:
        tables: by name; what the report needs, no more.
        metrics: small numbers by name, for `dvc metrics`.
    """

    tables: "dict[str, pd.DataFrame]"
    metrics: dict[str, Any] = field(default_factory=dict)

    def save(self, directory: Path) -> None:
        """Write <name>.parquet for each table."""
        for name, table in self.tables.items():
            table.to_parquet(directory / f"{name}.parquet", index=False)
