"""Supervised stages and how their examples are sampled."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from r1.config.base import Section
from r1.config.sampling import EngineConfig, SamplingConfig
from r1.config.training import OptimizationConfig, TemplateName
from r1.recipe import BaseName


class FinetuneConfig(OptimizationConfig):
    """Fine-tuning for a number of epochs over a data set."""

    epochs: PositiveInt


class RewardModelConfig(FinetuneConfig):
    """Preference models; `base` names their backbone: a smaller one where two of the teacher's do not fit in memory."""

    base: BaseName


class SftConfig(FinetuneConfig):
    """Supervised fine-tuning on prompt-completion pairs, with loss on the completion only.

    chat_template: template from this stage on; null keeps the base's, `own` keeps it without the worked examples at
        its start.
    """

    chat_template: TemplateName | Literal["own"] | None


class ColdStartDataConfig(Section):
    """Sampling and filtering of the cold-start set; few_shot is the number of worked examples in the base's prompt."""

    engine: EngineConfig
    sampling: SamplingConfig
    few_shot: int = Field(ge=1, le=2)
    max_kept_per_prompt: PositiveInt
    max_examples: PositiveInt
    max_paragraph_words: PositiveInt


class RejectionSamplingConfig(Section):
    """Sampling and filtering of the SFT set; general_ratio: general per reasoning example (R1: 200k to 600k)."""

    engine: EngineConfig
    sampling: SamplingConfig
    max_kept_per_prompt: PositiveInt
    max_paragraph_words: PositiveInt
    general_ratio: NonNegativeFloat
