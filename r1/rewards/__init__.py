"""Rewards by name, with TRL's signature; names follow open-r1 where it has the reward."""

from collections.abc import Callable, Mapping
from typing import Any

from r1.config.plugins import is_plugin
from r1.config.rl import RewardName, RewardOptionsConfig
from r1.rewards.accuracy import accuracy_reward
from r1.rewards.code import get_code_reward
from r1.rewards.common import RewardFunction
from r1.rewards.format import format_reward, get_reasoning_steps_reward, tag_count_reward
from r1.rewards.language import language_consistency_reward
from r1.rewards.length import get_cosine_scaled_reward, len_reward
from r1.rewards.plugged import plugged_reward

Factory = Callable[[RewardOptionsConfig, int], Any]


def _repetition(options: RewardOptionsConfig, max_length: int) -> Any:
    from trl.rewards import get_repetition_penalty_reward

    return get_repetition_penalty_reward(options.repetition_ngram_size, options.repetition_max_penalty)


def _overlong(options: RewardOptionsConfig, max_length: int) -> Any:
    from trl.rewards import get_soft_overlong_punishment

    return get_soft_overlong_punishment(max_length, max(1, round(max_length * options.overlong_cache)))


REWARDS: dict[RewardName, Factory] = {
    "accuracy_reward": lambda options, length: accuracy_reward,
    "code_reward": lambda options, length: get_code_reward(),
    "format_reward": lambda options, length: format_reward,
    "tag_count_reward": lambda options, length: tag_count_reward,
    "reasoning_steps_reward": lambda options, length: get_reasoning_steps_reward(options.reasoning_steps_target),
    "len_reward": lambda options, length: len_reward,
    "cosine_scaled_reward": lambda options, length: get_cosine_scaled_reward(length),
    "repetition_penalty_reward": _repetition,
    "soft_overlong_punishment": _overlong,
    "language_consistency_reward": lambda options, length: language_consistency_reward,
}
"""Rewards that need no model; `preference_reward` needs two, and the stage that has them builds it."""


def build_rewards(
    weights: Mapping[str, float], options: RewardOptionsConfig, max_length: int, **made: RewardFunction
) -> tuple[list[RewardFunction], list[float]]:
    """Reward functions and their weights, in the order of the configuration.

    Args:
        weights: reward name or import path to weight; weight 0 leaves a reward out.
        options: parameters of rewards that take any.
        max_length: maximum tokens of a completion.
        made: rewards built by the caller, by name.

    Raises:
        KeyError: if a reward is neither registered nor built by the caller.
        PluginError: if an import path leads to no reward.
        SandboxUnavailable: if `code_reward` has no sandbox to run code in.
    """
    used = {name: weight for name, weight in weights.items() if weight}
    functions = [made[name] if name in made else _reward(name, options, max_length) for name in used]
    for name, function in zip(used, functions, strict=True):
        function.__name__ = name  # the same name in configuration and logs; TRL's own names differ
    return functions, list(used.values())


def _reward(name: str, options: RewardOptionsConfig, max_length: int) -> RewardFunction:
    if is_plugin(name):
        return plugged_reward(name)
    factory: Factory = REWARDS[name]  # type: ignore[index]  # KeyError: neither registered nor built by the caller
    function: RewardFunction = factory(options, max_length)
    return function
