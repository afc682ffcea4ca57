"""Evaluation, the report's margins, and the comparison of RL algorithms."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from r1.config.base import Name, Probability, Section, Share
from r1.config.rl import AlgorithmName
from r1.config.sampling import EngineConfig, SamplingConfig


class EvaluateConfig(Section):
    """Evaluation; sampling.num_samples is k in pass@k and maj@k."""

    engine: EngineConfig
    sampling: SamplingConfig
    general_max_new_tokens: PositiveInt
    bootstrap_resamples: PositiveInt
    confidence: float = Field(gt=0, lt=1)


class ReportConfig(Section):
    """Margins for the report's claims, fixed before the run."""

    mixing_bound: Probability
    non_inferiority_margin: Probability


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
