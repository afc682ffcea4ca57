"""What may go wrong in a training run for a while, but not for `patience` steps in a row; see r1/training/guards.py."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from typing import Any, Protocol

from r1.config.rl import RlConfig

Row = dict[str, Any]
"""One step of the learning curve."""


class Limit(Protocol):
    """Something that may go wrong for a while, but not for `patience` steps in a row."""

    @property
    def patience(self) -> int: ...

    @property
    def advice(self) -> str:
        """The usual cause, and what to try."""

    def bad_rows(self, rows: list[Row]) -> list[Row]:
        """The consecutive bad rows at the end of the curve, newest first; rows without the value are skipped."""

    def describe(self, row: Row) -> str:
        """Describe a bad row."""


@dataclass(frozen=True)
class Bound:
    """A limit on a logged value.

    Attributes:
        key: of the log.
        is_bad: True for a bad value; must handle NaN.
        patience: number of consecutive bad values that ends the run.
        describe: describes the row of the last bad value.
        advice: the usual cause, and what to try.
    """

    key: str
    is_bad: Callable[[float], bool]
    patience: int
    describe: Callable[[Row], str]
    advice: str

    def bad_rows(self, rows: list[Row]) -> list[Row]:
        known = (row for row in reversed(rows) if self.key in row)
        return list(takewhile(lambda row: self.is_bad(number(row[self.key])), known))


class RewardDrop:
    """A limit on the fall of the reward below its best mean over `patience` steps.

    In standard deviations of the reward over rollouts, averaged over the run, so that the scale of the rewards does
    not matter. With `rl/difficulty=curriculum` the reward may fall by less than that as the prompts get harder.
    """

    advice = (
        "usually an update went too far and the policy has lost what it had learned; try a lower learning_rate, a "
        "higher rl.algorithm.beta, or rl.keep=best; if the prompts got harder on purpose, raise the limit"
    )

    def __init__(self, max_drop: float, patience: int) -> None:
        self.max_drop, self.patience = max_drop, patience

    def bad_rows(self, rows: list[Row]) -> list[Row]:
        keys = ("reward", "reward_std")
        known = [row for row in rows if not any(math.isnan(number(row.get(key))) for key in keys)]
        rewards, spreads = ([row[key] for row in known] for key in keys)
        sums, spread_sums = ([0.0, *accumulate(values)] for values in (rewards, spreads))
        best, bad = -math.inf, list[Row]()
        for at, row in enumerate(known):
            if at >= self.patience:
                best = max(best, (sums[at] - sums[at - self.patience]) / self.patience)
                fallen = rewards[at] < best - self.max_drop * spread_sums[at] / at
                bad = [row, *bad] if fallen else []
        return bad

    def describe(self, row: Row) -> str:
        return (
            f"reward is {_formatted(row['reward'])}, more than rl.max_reward_drop = {self.max_drop} standard "
            f"deviations below its best mean over {self.patience} steps"
        )


def _bound(rl: RlConfig, name: str, key: str, what: str, advice: str) -> Bound:
    """A limit that a configuration key sets; NaN is bad.

    Args:
        rl: the limits of RL.
        name: of the limit in `rl`, max_… or min_….
        key: of the log.
        what: describes the value; `{}` stands for it.
        advice: the usual cause, and what to try.
    """
    limit, largest = getattr(rl, name), name.startswith("max_")
    exceeded = f"{'above' if largest else 'below'} rl.{name} = {limit}"
    return Bound(
        key=key,
        is_bad=lambda value: not (value <= limit if largest else value >= limit),
        patience=rl.patience,
        describe=lambda row: f"{what.format(_formatted(row[key]))}, {exceeded}",
        advice=advice,
    )


FINITE: tuple[Limit, ...] = tuple(
    Bound(
        key=key,
        is_bad=lambda value: not math.isfinite(value),
        patience=1,
        describe=lambda row, key=key: f"{key} is {row[key]}",  # type: ignore[misc]
        advice="usually an update was too large; try a lower learning_rate or a longer warm-up",
    )
    for key in ("loss", "grad_norm")
)
"""Limits of every training run."""


def rl_limits(rl: RlConfig) -> tuple[Limit, ...]:
    """Limits of RL: of KL, entropy, length, reward and its variance within groups, and of the sampler's distance."""
    return (
        Bound(
            key="reward",
            is_bad=math.isnan,
            patience=rl.patience,
            describe=lambda row: f"no completion has a reward: each is None for all of them: {reward_means(row)}",
            advice="usually a reward is for other tasks than the prompts', or what it needs (a sandbox, a service) "
            "is down; look at the warnings above, and at the stage's rewards",
        ),
        _bound(
            rl,
            "max_sampler_kl",
            "sampler/kl",
            "the KL between sampler and trainer is {} nats per token",
            "the engine that samples no longer has the policy's weights, or computes something else; check that its "
            "model, dtype and chat template are the trainer's, and a server's --logprobs-mode processed_logprobs; "
            "rollout=transformers samples without it",
        ),
        _bound(
            rl,
            "max_kl",
            "kl",
            "kl is {} nats per token",
            "usually the policy is hacking a reward, or has drifted into noise; "
            "try a lower learning_rate or a higher rl.algorithm.beta, and read the samples with their rewards",
        ),
        _bound(
            rl,
            "min_entropy",
            "entropy",
            "entropy is {} nats per token",
            "usually the policy has collapsed to one answer and no longer explores; try a lower learning_rate, "
            "a higher temperature, or a higher upper clip (rl.algorithm.epsilon_high)",
        ),
        replace(
            _bound(
                rl,
                "max_entropy",
                "entropy",
                "entropy is {} nats per token",
                "usually the policy has dissolved into noise; try a lower learning_rate, a lower temperature, or a "
                "lower upper clip (rl.algorithm.epsilon_high)",
            ),
            is_bad=lambda value: value > rl.max_entropy,  # the limit before reports NaN
        ),
        _bound(
            rl,
            "min_length",
            "completions/mean_length",
            "the mean completion has {} tokens",
            "usually a reward pays for short answers, or the policy ends at once; read the samples with their rewards, "
            "and give format_reward or accuracy_reward more weight",
        ),
        _bound(
            rl,
            "max_truncated",
            "completions/clipped_ratio",
            "the share of truncated completions is {}",
            "usually the policy repeats itself, never ends, or needs more room; raise max_completion_length, add "
            "repetition_penalty_reward or soft_overlong_punishment, and read the samples",
        ),
        RewardDrop(rl.max_reward_drop, rl.patience),
        Bound(
            key="frac_reward_zero_std",
            is_bad=lambda value: value == 1.0,
            patience=rl.patience,
            describe=lambda row: f"no group has any reward variance: {reward_means(row)}",
            advice="usually the prompts are all too easy or all too hard, or a reward is broken; try other prompts "
            "(rl/difficulty=filtered), and read the samples with their rewards",
        ),
    )


def number(value: float | None) -> float:
    """A logged value; TRL logs None for the mean of nothing but NaN."""
    return math.nan if value is None else value


def _formatted(value: float | None) -> str:
    return f"{number(value):.3g}"


def reward_means(row: Row) -> dict[str, float]:
    """The mean of each reward at a step, by its name."""
    return {key.split("/")[1]: value for key, value in row.items() if key.startswith("rewards/") and "/mean" in key}
