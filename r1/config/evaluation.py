"""Evaluation, the report's margins, and the comparison of RL algorithms."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from r1.config.base import Name, Probability, Section, Share
from r1.config.rl import AlgorithmName
from r1.config.sampling import BadWords, EngineConfig, OpenaiEngineConfig, SamplingConfig
from r1.recipe import ModelName


class ThinkingConfig(Section):
    """Accuracy against a thinking budget: completions cut short and made to answer (arXiv 2501.19393).

    Attributes:
        models: models whose completions are cut.
        budgets: tokens that are left of a completion, ascending; sampling.max_new_tokens is added as the last.
        problems: problems of each family, at most.
        answer_tokens: tokens of a forced answer.
    """

    models: tuple[ModelName, ...]
    budgets: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    problems: PositiveInt
    answer_tokens: PositiveInt


class InterventionConfig(Section):
    """A second evaluation without some words, with the same problems and seed.

    Attributes:
        models: models that are evaluated a second time.
        bad_words: the words; null for those that reflection_rate counts.
    """

    models: tuple[ModelName, ...]
    bad_words: Annotated[BadWords, Field(min_length=1)] | None


class EvaluateConfig(Section):
    """Evaluation; sampling.num_samples is k in pass@k and maj@k."""

    engine: EngineConfig
    sampling: SamplingConfig
    general_max_new_tokens: PositiveInt
    thinking: ThinkingConfig
    intervention: InterventionConfig
    bootstrap_resamples: PositiveInt
    confidence: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _budgets_ascend_to_the_limit(self) -> Self:
        budgets, limit = self.thinking.budgets, self.sampling.max_new_tokens
        if self.thinking.models and (list(budgets) != sorted(set(budgets)) or budgets[-1] >= limit):
            raise ValueError(
                f"thinking.budgets = {list(budgets)}: must ascend and stay below sampling.max_new_tokens = {limit}"
            )
        return self

    @model_validator(mode="after")
    def _endpoints_take_messages_alone(self) -> Self:
        if isinstance(self.engine, OpenaiEngineConfig):
            for name in ("thinking", "intervention"):
                if models := getattr(self, name).models:
                    raise ValueError(
                        f"{name}.models = {list(models)}: an endpoint neither continues a begun answer nor forbids "
                        "words; set it to [], or choose another engine"
                    )
        return self


class ReportConfig(Section):
    """Margins for the report's claims, fixed before the run.

    Attributes:
        mixing_bound: share of mixed responses that R1-Zero must exceed.
        non_inferiority_margin: loss of pass@1 within which R1 counts as no worse than R1-Zero.
        thinking_budget: the one of evaluate.thinking.budgets that the full limit is compared with.
    """

    mixing_bound: Probability
    non_inferiority_margin: Probability
    thinking_budget: PositiveInt


class ReferenceConfig(Section):
    """A published checkpoint on published benchmarks, to compare with its published scores: stages/reference.py.

    Attributes:
        checkpoint: hub id, or local model directory; it is prompted in its own chat template.
        instruction: put after every question, on a line of its own; "" for none.
        temperature, top_p, max_new_tokens: sampling, in place of evaluate.sampling.
        num_samples: by data set of `prepare.data_sets`, which must be evaluated only.
    """

    checkpoint: str | None
    instruction: str
    temperature: NonNegativeFloat
    top_p: Share
    max_new_tokens: PositiveInt
    num_samples: Mapping[Name, PositiveInt] = Field(min_length=1)


class AblationConfig(Section):
    """The comparison of RL algorithms, experiments/algorithms: R1-Zero's RL with fewer rollouts and with mini-batches.

    Each generation round has several optimizer steps: with one, every ratio is 1 and clipping never acts.

    Attributes:
        algorithm, difficulty: the variant; its settings come from conf/rl.
        equivalence_margin: largest pass@1 difference at which two algorithms count as equivalent.
    """

    algorithm: AlgorithmName
    difficulty: Literal["all", "filtered", "curriculum"]

    max_steps: PositiveInt
    batch_size: PositiveInt
    num_mini_batches: PositiveInt
    learning_rate: PositiveFloat
    equivalence_margin: Probability
