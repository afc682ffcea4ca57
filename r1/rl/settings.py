"""One RL run's settings: what it shares with the others, and its own."""

from dataclasses import dataclass
from typing import Any

from r1.config.rl import AlgorithmConfig, RlConfig, RlStageConfig


@dataclass(frozen=True)
class RlSettings:
    """One RL run.

    Attributes:
        stage: steps, batch, rewards and the like of this run.
        shared: algorithm, choice of prompts, rollouts and limits of all runs.
    """

    stage: RlStageConfig
    shared: RlConfig

    @property
    def algorithm(self) -> AlgorithmConfig:
        return self.shared.algorithm

    @property
    def reward_weights(self) -> dict[Any, float]:
        """The stage's rewards, then those that the algorithm adds to every stage."""
        return {**self.stage.rewards, **self.algorithm.extra_rewards}

    @property
    def steps_per_round(self) -> int:
        """Optimizer steps that train on one generation round's rollouts."""
        return self.algorithm.num_mini_batches * self.algorithm.num_iterations

    def whole_rounds(self, steps: int) -> int:
        """Optimizer steps, rounded up to whole rounds: a checkpoint within one would lose its rollouts."""
        return -(-steps // self.steps_per_round) * self.steps_per_round

    @property
    def rollout_budget(self) -> int:
        """Rollouts that the run may sample, in whole rounds."""
        rounds = self.whole_rounds(self.stage.max_steps) // self.steps_per_round
        return rounds * self.algorithm.num_mini_batches * self.stage.batch_size
