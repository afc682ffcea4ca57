"""Rewards by name, with TRL's signature; names follow open-r1 where it has the reward.

Each is a module's function or a small object, never a closure: TRL's asynchronous trainer pickles them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from r1.config.plugins import is_plugin
from r1.config.rewards import RewardName, RewardOptionsConfig
from r1.rewards.accuracy import AccuracyReward
from r1.rewards.code import BinaryCodeReward, CodeReward, code_format_reward
from r1.rewards.common import RewardFunction
from r1.rewards.format import ReasoningStepsReward, format_reward, tag_count_reward
from r1.rewards.language import language_consistency_reward
from r1.rewards.length import CosineScaledReward, LenReward
from r1.rewards.plugged import PluggedReward

Factory = Callable[[RewardOptionsConfig, int], Any]


def _accuracy(options: RewardOptionsConfig, max_length: int) -> AccuracyReward:
    return AccuracyReward(options.math_digits)


def _len(options: RewardOptionsConfig, max_length: int) -> LenReward:
    return LenReward(_accuracy(options, max_length))


def _cosine(options: RewardOptionsConfig, max_length: int) -> CosineScaledReward:
    return CosineScaledReward(
        _accuracy(options, max_length),
        max_length,
        right=(options.cosine_max_value_correct, options.cosine_min_value_correct),
        wrong=(options.cosine_min_value_wrong, options.cosine_max_value_wrong),
    )


def _repetition(options: RewardOptionsConfig, max_length: int) -> Any:
    from trl.rewards import get_repetition_penalty_reward

    return get_repetition_penalty_reward(options.repetition_ngram_size, options.repetition_max_penalty)


def _overlong(options: RewardOptionsConfig, max_length: int) -> Any:
    from trl.rewards import get_soft_overlong_punishment

    return get_soft_overlong_punishment(max_length, max(1, round(max_length * options.overlong_cache)))


REWARDS: dict[RewardName, Factory] = {
    "accuracy_reward": _accuracy,
    "code_reward": lambda options, length: CodeReward(),
    "binary_code_reward": lambda options, length: BinaryCodeReward(),
    "code_format_reward": lambda options, length: code_format_reward,
    "format_reward": lambda options, length: format_reward,
    "tag_count_reward": lambda options, length: tag_count_reward,
    "reasoning_steps_reward": lambda options, length: ReasoningStepsReward(options.reasoning_steps_target),
    "len_reward": _len,
    "cosine_scaled_reward": _cosine,
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
        if getattr(function, "__name__", None) != name:
            function.__name__ = name  # the same name in configuration and logs; TRL's own names differ
    return functions, list(used.values())


def _reward(name: str, options: RewardOptionsConfig, max_length: int) -> RewardFunction:
    if is_plugin(name):
        return PluggedReward(name)
    factory: Factory = REWARDS[name]  # type: ignore[index]  # KeyError: neither registered nor built by the caller
    function: RewardFunction = factory(options, max_length)
    return function
