"""Settings of one RL run: those of its stage, and those shared by all RL runs."""

from dataclasses import dataclass
from typing import Any

from r1.config.rl import AlgorithmConfig, RlConfig, RlStageConfig


@dataclass(frozen=True)
class RlSettings:
    """Settings of one RL run.

    Attributes:
        stage: steps, batch, rewards and the like of this run.
        shared: algorithm, difficulty, rollout engine and limits of all RL runs.
    """

    stage: RlStageConfig
    shared: RlConfig

    @property
    def algorithm(self) -> AlgorithmConfig:
        return self.shared.algorithm

    @property
    def reward_weights(self) -> dict[Any, float]:
        """Weights by reward: those of the stage, then those that the algorithm adds to every stage."""
        return {**self.stage.rewards, **self.algorithm.extra_rewards}

    @property
    def steps_per_round(self) -> int:
        """Optimizer steps per generation round."""
        return self.algorithm.num_mini_batches * self.algorithm.num_iterations

    def round_up(self, steps: int) -> int:
        """Round optimizer steps up to full generation rounds: a checkpoint within a round would lose its rollouts."""
        return -(-steps // self.steps_per_round) * self.steps_per_round

    @property
    def rollout_budget(self) -> int:
        """Rollouts that the run may sample, a multiple of those per round."""
        rounds = self.round_up(self.stage.max_steps) // self.steps_per_round
        return rounds * self.algorithm.num_mini_batches * self.stage.batch_size
