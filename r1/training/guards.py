"""Guards that end a failing run, since runs go unattended for days.

A guard reads only the learning curve. The curve is in every checkpoint, so the counts survive a resume.
"""

import logging
import math
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from r1.config.rl import RlConfig
from r1.support.errors import UserError
from r1.training.limits import FINITE, Row, number, reward_means, rl_limits
from r1.training.recorder import Recorder

log = logging.getLogger(__name__)

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
    for name in dict.fromkeys(name for row in rows for name in reward_means(row)):
        means, spreads = (
            [row[key] for row in rows if not math.isnan(number(row.get(key)))]
            for key in (f"rewards/{name}/mean", f"rewards/{name}/std")
        )
        if not means:
            warnings.append(f"{name} has scored no completion: it is broken, unless its prompts come later")
        elif max(means) - min(means) < TOLERANCE and max(spreads, default=0.0) < TOLERANCE:
            warnings.append(f"{name} has been {means[-1]:g} for every completion: no signal so far")
    return warnings
