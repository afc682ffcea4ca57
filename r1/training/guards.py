"""Guards that end a failing run, since runs go unattended for days.

A guard reads only the learning curve. The curve is in every checkpoint, so the counts survive a resume.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from typing import Any, Protocol

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from r1.config.rl import RlConfig
from r1.support.errors import UserError
from r1.training.recorder import Recorder

log = logging.getLogger(__name__)

Row = dict[str, Any]

TOLERANCE = 1e-6
"""Rewards closer than this count as equal; in float32 the deviation of equal rewards is not exactly 0."""


class Stopped(UserError):
    """A guard ended the run.

    Attributes:
        since: the first step that logged a bad value; the weights before its update were already bad.
    """

    def __init__(self, diagnosis: str, since: int) -> None:
        super().__init__(diagnosis)
        self.since = since


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
        return list(takewhile(lambda row: self.is_bad(_number(row[self.key])), known))


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
        known = [row for row in rows if not any(math.isnan(_number(row.get(key))) for key in keys)]
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


def _bound(
    key: str,
    patience: int,
    what: str,
    advice: str,
    *,
    above: tuple[str, float] | None = None,
    below: tuple[str, float] | None = None,
) -> Bound:
    """A limit that a configuration key sets; NaN is bad.

    Args:
        key: of the log.
        patience: in steps.
        what: describes the value; `{}` stands for it.
        advice: the usual cause, and what to try.
        above, below: key and value of the limit.
    """
    side, (name, limit) = ("above", above) if above else ("below", below or ("", 0.0))
    return Bound(
        key=key,
        is_bad=lambda value: not (value <= limit if above else value >= limit),
        patience=patience,
        describe=lambda row: f"{what.format(_formatted(row[key]))}, {side} {name} = {limit}",
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
            describe=lambda row: f"no completion has a reward: each is None for all of them: {_reward_means(row)}",
            advice="usually a reward is for other tasks than the prompts', or what it needs (a sandbox, a service) "
            "is down; look at the warnings above, and at the stage's rewards",
        ),
        _bound(
            "sampler/kl",
            rl.patience,
            "the KL between sampler and trainer is {} nats per token",
            "the engine that samples no longer has the policy's weights, or computes something else; check that its "
            "model, dtype and chat template are the trainer's, and a server's --logprobs-mode processed_logprobs; "
            "rollout=transformers samples without it",
            above=("rl.max_sampler_kl", rl.max_sampler_kl),
        ),
        _bound(
            "kl",
            rl.patience,
            "kl is {} nats per token",
            "usually the policy is hacking a reward, or has drifted into noise; "
            "try a lower learning_rate or a higher rl.algorithm.beta, and read the samples with their rewards",
            above=("rl.max_kl", rl.max_kl),
        ),
        _bound(
            "entropy",
            rl.patience,
            "entropy is {} nats per token",
            "usually the policy has collapsed to one answer and no longer explores; try a lower learning_rate, "
            "a higher temperature, or a higher upper clip (rl.algorithm.epsilon_high)",
            below=("rl.min_entropy", rl.min_entropy),
        ),
        replace(
            _bound(
                "entropy",
                rl.patience,
                "entropy is {} nats per token",
                "usually the policy has dissolved into noise; try a lower learning_rate, a lower temperature, or a "
                "lower upper clip (rl.algorithm.epsilon_high)",
                above=("rl.max_entropy", rl.max_entropy),
            ),
            is_bad=lambda value: value > rl.max_entropy,  # the limit before reports NaN
        ),
        _bound(
            "completions/mean_length",
            rl.patience,
            "the mean completion has {} tokens",
            "usually a reward pays for short answers, or the policy ends at once; read the samples with their rewards, "
            "and give format_reward or accuracy_reward more weight",
            below=("rl.min_length", rl.min_length),
        ),
        _bound(
            "completions/clipped_ratio",
            rl.patience,
            "the share of truncated completions is {}",
            "usually the policy repeats itself, never ends, or needs more room; raise max_completion_length, add "
            "repetition_penalty_reward or soft_overlong_punishment, and read the samples",
            above=("rl.max_truncated", rl.max_truncated),
        ),
        RewardDrop(rl.max_reward_drop, rl.patience),
        Bound(
            key="frac_reward_zero_std",
            is_bad=lambda value: value == 1.0,
            patience=rl.patience,
            describe=lambda row: f"no group has any reward variance: {_reward_means(row)}",
            advice="usually the prompts are all too easy or all too hard, or a reward is broken; try other prompts "
            "(rl/difficulty=filtered), and read the samples with their rewards",
        ),
    )


class Guard(TrainerCallback):
    """Warn as soon as a limit is exceeded, and end the run if it stays so; register it after the recorder.

    No checkpoint is saved at a step that exceeds a limit (a step is logged before it is saved), so the last one
    predates the problem.
    """

    def __init__(self, record: Recorder, rl: RlConfig | None) -> None:
        """Args: the recorder; the RL limits, or None for supervised training."""
        self.record, self.rl = record, rl
        self.limits = FINITE + (rl_limits(rl) if rl else ())

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        if "loss" not in (logs or {}):  # the final summary of the run
            return
        rows = self.record.rows
        for limit in self.limits:
            bad = limit.bad_rows(rows)
            if not bad:
                continue
            control.should_save = False
            if bad[0] is not rows[-1]:  # already reported; this step did not log the value
                continue
            seen, since = limit.describe(rows[-1]), bad[-1]["step"]
            if len(bad) >= limit.patience:
                place = f"stopped at step {state.global_step} of {state.max_steps}"
                lasted = f"; since step {since}" if len(bad) > 1 else ""
                raise Stopped(f"{place}: {seen}{lasted}\n  {limit.advice}", since)
            count = f"{len(bad)} in a row; {limit.patience} stop the run"
            log.warning("step %d: %s (%s)", state.global_step, seen, count)
        if self.rl and sum("reward" in row for row in rows) == self.rl.patience and "reward" in rows[-1]:
            self._warn_of_constant_rewards(state)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._warn_of_constant_rewards(state)

    def _warn_of_constant_rewards(self, state: TrainerState) -> None:
        for warning in constant_rewards(self.record.rows):
            log.warning("by step %d %s", state.global_step, warning)


def constant_rewards(rows: list[Row]) -> list[str]:
    """Describe each reward without signal so far: the same value for every completion, or no value at all."""
    warnings = []
    for name in dict.fromkeys(name for row in rows for name in _reward_means(row)):
        means, spreads = (
            [row[key] for row in rows if not math.isnan(_number(row.get(key)))]
            for key in (f"rewards/{name}/mean", f"rewards/{name}/std")
        )
        if not means:
            warnings.append(f"{name} has scored no completion: it is broken, unless its prompts come later")
        elif max(means) - min(means) < TOLERANCE and max(spreads, default=0.0) < TOLERANCE:
            warnings.append(f"{name} has been {means[-1]:g} for every completion: no signal so far")
    return warnings


def _number(value: float | None) -> float:
    """TRL logs None for the mean of nothing but NaN."""
    return math.nan if value is None else value


def _formatted(value: float | None) -> str:
    return f"{_number(value):.3g}"


def _reward_means(row: Row) -> dict[str, float]:
    return {key.split("/")[1]: value for key, value in row.items() if key.startswith("rewards/") and "/mean" in key}
