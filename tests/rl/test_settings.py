"""What follows from an RL run's settings: rounds, the budget of rollouts, and rewards."""

from typing import Any

import pytest

from r1.rl.settings import RlSettings
from tests.trainings import SMOKE


def settings(stage: dict[str, Any], **algorithm: Any) -> RlSettings:
    changed = SMOKE.rl.algorithm.model_copy(update=algorithm)
    return RlSettings(SMOKE.zero.model_copy(update=stage), SMOKE.rl.model_copy(update={"algorithm": changed}))


@pytest.mark.parametrize(
    ("algorithm", "steps", "budget"),
    [
        ({}, 1, 80),
        ({"num_mini_batches": 2}, 2, 96),
        ({"num_iterations": 2}, 2, 48),
        ({"num_mini_batches": 2, "num_iterations": 2}, 4, 64),
        ({"num_mini_batches": 5}, 5, 80),
    ],
)
def test_the_budget_counts_whole_rounds(algorithm: dict[str, int], steps: int, budget: int) -> None:
    run = settings({"max_steps": 5, "batch_size": 16}, **algorithm)
    assert run.steps_per_round == steps
    assert run.rollout_budget == budget


@pytest.mark.parametrize(("steps", "whole"), [(1, 4), (4, 4), (5, 8), (8, 8)])
def test_checkpoints_are_at_the_end_of_rounds(steps: int, whole: int) -> None:
    assert settings({}, num_mini_batches=2, num_iterations=2).round_up(steps) == whole


def test_the_algorithm_adds_its_rewards_after_the_stages_own() -> None:
    stage = {"rewards": {"format_reward": 0.5, "accuracy_reward": 2.0}}
    extra = {"soft_overlong_punishment": 1.0, "format_reward": 0.25}
    weights = settings(stage, extra_rewards=extra).reward_weights
    assert list(weights.items()) == [
        ("format_reward", 0.25),
        ("accuracy_reward", 2.0),
        ("soft_overlong_punishment", 1.0),
    ]
