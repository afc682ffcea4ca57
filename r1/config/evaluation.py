"""Evaluation, the report's margins, and the comparison of RL algorithms."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from r1.config.base import Probability, Section
from r1.config.rl import AlgorithmName
from r1.config.sampling import EngineConfig, SamplingConfig


class EvaluateConfig(Section):
    """Evaluation; sampling.num_samples is the k of pass@k and maj@k."""

    engine: EngineConfig
    sampling: SamplingConfig
    general_max_new_tokens: PositiveInt
    bootstrap_resamples: PositiveInt
    confidence: float = Field(gt=0, lt=1)


class ReportConfig(Section):
    """Margins of the claims, fixed before the run."""

    mixing_bound: Probability
    non_inferiority_margin: Probability


class AblationConfig(Section):
    """The comparison of RL algorithms, experiments/algorithms: R1-Zero's RL for fewer rollouts, with mini-batches.

    Several optimizer steps a round, since at one every ratio is 1 and no clip acts.

    Attributes:
        algorithm, difficulty: the variant, whose settings are those of conf/rl.
        equivalence_margin: pass@1 by which two algorithms may differ and still count as equal.
    """

    algorithm: AlgorithmName
    difficulty: Literal["all", "filtered", "curriculum"]

    max_steps: PositiveInt
    batch_size: PositiveInt
    num_mini_batches: PositiveInt
    learning_rate: PositiveFloat
    equivalence_margin: Probability
