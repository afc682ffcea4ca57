"""What ends a run that is lost: people leave runs alone for days.

Each guard looks at the learning curve and at nothing else. The curve is in every
checkpoint, so a resumed run counts on where the killed one was.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from r1.config.rl import RlConfig
from r1.support.errors import UserError
from r1.training.recorder import Recorder

log = logging.getLogger(__name__)

Row = dict[str, Any]

TOLERANCE = 1e-6
"""Rewards nearer than this are equal; the deviation of equal ones is not exactly 0 in float32."""


class Stopped(UserError):
    """A guard ended the run.

    Attributes:
        since: the step whose log was the first to tell of the trouble; the weights before it had it already.
    """

    def __init__(self, diagnosis: str, since: int) -> None:
        super().__init__(diagnosis)
        self.since = since


@dataclass(frozen=True)
class Limit:
    """What a logged value must not be, at least not for long.

    Attributes:
        key: of the log; steps that did not log it do not count.
        wrong: tells a bad value, NaN among them.
        patience: bad values in a row that end the run.
        seen: what to say of the row with the last bad value.
        advice: what it usually means and what to try.
    """

    key: str
    wrong: Callable[[float], bool]
    patience: int
    seen: Callable[[Row], str]
    advice: str

    def trouble(self, rows: list[Row]) -> list[Row]:
        """The rows at the end of the curve whose value is wrong, the newest first."""
        known = (row for row in reversed(rows) if self.key in row)
        return list(takewhile(lambda row: self.wrong(_number(row[self.key])), known))


FINITE = tuple(
    Limit(
        key=key,
        wrong=lambda value: not math.isfinite(value),
        patience=1,
        seen=lambda row, key=key: f"{key} is {row[key]}",  # type: ignore[misc]
        advice="usually an update was too large; try a lower learning_rate or a longer warm-up",
    )
    for key in ("loss", "grad_norm")
)
"""Of every training."""


def rl_limits(rl: RlConfig) -> tuple[Limit, ...]:
    """Of reinforcement learning."""
    return (
        Limit(
            key="kl",
            wrong=lambda value: not value <= rl.max_kl,
            patience=rl.patience,
            seen=lambda row: f"kl is {_shown(row['kl'])} nats per token, above rl.max_kl = {rl.max_kl}",
            advice="usually the policy has left what it could do at the start for what fools a reward, or for noise; "
            "try a lower learning_rate, a higher rl.algorithm.beta, or read the samples' rewards",
        ),
        Limit(
            key="entropy",
            wrong=lambda value: not value >= rl.min_entropy,
            patience=rl.patience,
            seen=lambda row: (
                f"entropy is {_shown(row['entropy'])} nats per token, below rl.min_entropy = {rl.min_entropy}"
            ),
            advice="usually the policy has collapsed to one answer and explores no more; try a lower learning_rate, "
            "a higher temperature, or a wider clip upwards (rl.algorithm.epsilon_high)",
        ),
        Limit(
            key="frac_reward_zero_std",
            wrong=lambda value: value == 1.0,
            patience=rl.patience,
            seen=lambda row: f"no group has any reward variance: {_reward_means(row)}",
            advice="usually the prompts are all too easy or all too hard, or a reward is broken; try other prompts "
            "(rl/difficulty=filtered), or read the samples' rewards",
        ),
    )


class Guard(TrainerCallback):
    """Warns as soon as a limit is passed, and ends the run if that goes on; stands after the recorder.

    In a step that a limit objects to no checkpoint is saved (a step is logged before it is saved), so that
    the last one is from before the trouble.
    """

    def __init__(self, record: Recorder, rl: RlConfig | None) -> None:
        """Args: the curve; limits of reinforcement learning, None for supervised training."""
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
        if "loss" not in (logs or {}):  # the summary at the end
            return
        rows = self.record.rows
        for limit in self.limits:
            trouble = limit.trouble(rows)
            if not trouble:
                continue
            control.should_save = False
            if trouble[0] is not rows[-1]:  # said before; this step did not measure it
                continue
            seen, since = limit.seen(rows[-1]), trouble[-1]["step"]
            if len(trouble) >= limit.patience:
                place = f"stopped at step {state.global_step} of {state.max_steps}"
                lasted = f"; so since step {since}" if len(trouble) > 1 else ""
                raise Stopped(f"{place}: {seen}{lasted}\n  {limit.advice}", since)
            count = f"{len(trouble)} in a row, {limit.patience} stop the run"
            log.warning("step %d: %s (%s)", state.global_step, seen, count)
        if self.rl and sum("reward" in row for row in rows) == self.rl.patience and "reward" in rows[-1]:
            self._warn_of_constants(state)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._warn_of_constants(state)

    def _warn_of_constants(self, state: TrainerState) -> None:
        for complaint in constant_rewards(self.record.rows):
            log.warning("by step %d %s", state.global_step, complaint)


def constant_rewards(rows: list[Row]) -> list[str]:
    """What to say of each reward that has taught nothing so far: one value for all completions, or none at all."""
    complaints = []
    for name in dict.fromkeys(name for row in rows for name in _reward_means(row)):
        means, spreads = (
            [row[key] for row in rows if not math.isnan(_number(row.get(key)))]
            for key in (f"rewards/{name}/mean", f"rewards/{name}/std")
        )
        if not means:
            complaints.append(f"{name} has applied to no completion: unless its prompts are yet to come, it is broken")
        elif max(means) - min(means) < TOLERANCE and max(spreads, default=0.0) < TOLERANCE:
            complaints.append(f"{name} has been {means[-1]:g} for every completion: so far it teaches nothing")
    return complaints


def _number(value: float | None) -> float:
    """TRL logs None where all that it averaged was NaN."""
    return math.nan if value is None else value


def _shown(value: float | None) -> str:
    return f"{_number(value):.3g}"


def _reward_means(row: Row) -> dict[str, float]:
    return {key.split("/")[1]: value for key, value in row.items() if key.startswith("rewards/") and "/mean" in key}
