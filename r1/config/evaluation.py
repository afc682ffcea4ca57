"""Evaluation, the report's margins, and the comparison of RL algorithms."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from r1.config.base import Probability, Section
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
