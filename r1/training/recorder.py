"""The learning curve: recorded per step, written as CSV, shown as progress."""

import logging
import time
from pathlib import Path
from typing import Any

import pandas as pd
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from r1.support.artifacts import write_text

log = logging.getLogger(__name__)

LIVE_CURVE = "curve.csv"
"""The curve so far, in the checkpoint folder of a run in progress."""

# Log keys left out of the curve: times, so that identical runs write identical files.
_TIMES = ("runtime", "per_second", "flos", "step_time", "epoch", "num_input_tokens_seen")
_KEPT = ("rows", "phases", "samples", "kept_rollouts", "rollouts", "best", "sampled_quarter")
"""Attributes that a checkpoint keeps."""
_LIVE_SECONDS = 2.0
"""Least time between two writes of the curve of a run in progress."""


class Recorder(TrainerCallback):
    """Record the learning curve, write it as CSV, and report progress.

    On a terminal transformers shows its progress bar; elsewhere about ten lines are logged per run.
    RL trainers also record samples and the time of each phase here.

    Attributes:
        rows: the curve, one row per step, without times.
        phases: seconds, tokens and tokens per second by phase, one row per step, RL only.
        samples: some rollouts with their rewards, RL only.
        kept_rollouts: generation rounds so far, and step and bytes of each one that is kept, RL only.
        rollouts: completions sampled so far, RL only.
        best: `step` and `score` of the weights to keep, or None; RL with `keep: best` only.
    """

    def __init__(self, curve: Path, budget: int | None = None, round_steps: int = 1) -> None:
        """Args: file of the curve; rollouts after which training ends; optimizer steps per generation round."""
        self.curve, self.budget, self.round_steps = curve, budget, round_steps
        self.rows: list[dict[str, float]] = []
        self.phases: list[dict[str, float]] = []
        self.samples: list[dict[str, Any]] = []
        self.kept_rollouts: dict[str, Any] = {"rounds": 0, "parts": []}
        self.rollouts = 0
        self.best: dict[str, Any] | None = None
        self.sampled_quarter = 0
        self._started = 0.0
        self._first_step = 0
        self._seconds_before = 0.0
        self._seconds = 0.0
        self._shown_at = 0.0

    @property
    def spent(self) -> bool:
        """True once the rollout budget is used up."""
        return self.budget is not None and self.rollouts >= self.budget

    def state(self) -> dict[str, Any]:
        """The state to checkpoint, JSON-serializable."""
        seconds = self._seconds_before + time.perf_counter() - self._started
        return {**{key: getattr(self, key) for key in _KEPT}, "seconds": seconds}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the result of `state`."""
        self._seconds_before = state.pop("seconds")
        vars(self).update(state)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._started = time.perf_counter()
        self._first_step = state.global_step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.spent and state.global_step % self.round_steps == 0:
            control.should_training_stop = True
        if control.should_training_stop:
            control.should_save = False  # a run resumed from its last step would train one step too many

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        row = {key: value for key, value in (logs or {}).items() if not any(time in key for time in _TIMES)}
        if "loss" not in row:
            return
        if self.rollouts:
            row["rollouts"] = self.rollouts
        self.rows.append({"step": state.global_step, **row})
        if state.is_world_process_zero and time.perf_counter() - self._shown_at >= _LIVE_SECONDS:
            self.write_curve(Path(str(args.output_dir)) / LIVE_CURVE)
            self._shown_at = time.perf_counter()
        every = max(1, state.max_steps // 10)
        if args.disable_tqdm and state.global_step % every == 0:
            self._print_progress(state, row)

    def _print_progress(self, state: TrainerState, row: dict[str, float]) -> None:
        seconds = time.perf_counter() - self._started
        speed = (state.global_step - self._first_step) / seconds
        shown = [
            f"{key} {row[key]:.3f}" for key in ("loss", "reward", "completions/mean_length") if row.get(key) is not None
        ]
        if self.phases:
            shown += [
                f"{phase} {self.phases[-1][f'{phase}_tokens_per_second']:.0f} tokens/s"
                for phase in ("generate", "score", "train")
            ]
        left = (state.max_steps - state.global_step) / speed
        speeds = f"{speed:.2f} steps/s, {left:.0f} s left"
        log.info("step %d/%d: %s; %s", state.global_step, state.max_steps, ", ".join(shown), speeds)

    def add_phases(self, step: int, seconds: dict[str, float], tokens: dict[str, int]) -> None:
        """Record the time by phase since the last call; a phase that did not run has 0 tokens/s."""
        row: dict[str, float] = {"step": step}
        for phase, spent in seconds.items():
            row[f"{phase}_seconds"] = spent
            row[f"{phase}_tokens"] = tokens[phase]
            row[f"{phase}_tokens_per_second"] = tokens[phase] / spent if tokens[phase] and spent > 0 else 0.0
        self.phases.append(row)

    def wants_samples(self) -> bool:
        """True in the first generation round, and once at the end of each quarter of the rollout budget."""
        quarter = min(4, 4 * self.rollouts // (self.budget or self.rollouts))
        wanted = not self.samples or quarter > self.sampled_quarter
        if wanted:
            self.sampled_quarter = quarter
        return wanted

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._seconds = self._seconds_before + time.perf_counter() - self._started
        if state.is_world_process_zero:
            self.write_curve(self.curve)

    def write_curve(self, file: Path) -> None:
        """Write the curve so far as CSV."""
        write_text(file, pd.DataFrame(self.rows).to_csv(index=False))

    def tail_mean(self, key: str) -> float | None:
        """Mean of a logged value over the last tenth of the steps that logged it; None if none did."""
        known = [row[key] for row in self.rows if row.get(key) is not None]
        if not known:
            return None
        tail = known[-max(1, len(known) // 10) :]
        return sum(tail) / len(tail)

    def summary(self, tokens: int) -> dict[str, Any]:
        """Steps, final loss (`tail_mean`), tokens seen, wall-clock seconds and tokens per second."""
        return {
            "steps": len(self.rows),
            "loss": self.tail_mean("loss"),
            "tokens": tokens,
            "seconds": self._seconds,
            "tokens_per_second": tokens / self._seconds,
        }

    def phase_summary(self) -> dict[str, dict[str, float]]:
        """Seconds per step and tokens per second of each phase, averaged over the run."""
        table = pd.DataFrame(self.phases)
        return {
            phase: {
                "seconds_per_step": float(table[f"{phase}_seconds"].sum() / len(self.rows)),
                "tokens_per_second": float(table[f"{phase}_tokens"].sum() / table[f"{phase}_seconds"].sum()),
            }
            for phase in ("generate", "score", "train")
        }
