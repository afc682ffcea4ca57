"""What every training shares: trainer arguments, the learning curve's file, progress lines."""

import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from r1.artifacts import write_text
from r1.config import Optimization, RlStage, TrainingOptions, share_of_batch
from r1.errors import UserError
from r1.processes import spread_by, world_size
from r1.training.options import PLAIN

# What the curves keep of a trainer's log; times are left out, so that equal runs log equal files.
_TIMES = ("runtime", "per_second", "flos", "step_time", "epoch", "num_input_tokens_seen")


def device_arguments(seed: int, options: TrainingOptions = PLAIN) -> dict[str, Any]:
    """Trainer arguments that follow from the machine, from how training computes and from how we log."""
    cuda = torch.cuda.is_available()
    return {
        "use_cpu": not cuda,
        "bf16": options.mixed_precision == "bf16",
        "gradient_checkpointing": options.gradient_checkpointing,
        "use_liger_kernel": options.liger,
        "seed": seed,
        "data_seed": seed,
        "report_to": "none",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": not sys.stderr.isatty(),
        "dataloader_pin_memory": cuda,
    }


def batch_arguments(settings: Optimization | RlStage) -> dict[str, Any]:
    """Trainer arguments of a batch shared out over all processes.

    Raises:
        UserError: if it cannot be, evenly, or if the processes need GPUs that are not there.
    """
    parallelism()
    try:
        at_once, times = share_of_batch(settings.batch_size, settings.micro_batch_size, world_size())
    except ValueError as error:
        raise UserError(str(error)) from None
    return {"per_device_train_batch_size": at_once, "gradient_accumulation_steps": times}


def parallelism() -> str:
    """How the launched processes share the work, as accelerate says in the environment.

    Raises:
        UserError: if that needs GPUs and there is none; accelerate would say nothing and do as ddp.
    """
    chosen = spread_by() or "ddp"
    if chosen != "ddp" and not torch.cuda.is_available():
        raise UserError(f"launcher = {chosen!r}: needs GPUs, and there is none; ddp runs on a CPU")
    return chosen


def common_arguments(settings: Optimization, seed: int, options: TrainingOptions) -> dict[str, Any]:
    """Trainer arguments of supervised training: AdamW, warm-up, cosine decay to a floor."""
    return {
        **device_arguments(seed, options),
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": settings.min_learning_rate_ratio},
        "warmup_steps": settings.warmup_ratio,  # below 1: a share of all steps
        "weight_decay": settings.weight_decay,
        **batch_arguments(settings),
    }


class Recorder(TrainerCallback):
    """Keeps the learning curve, writes it as CSV, and reports progress.

    On a terminal transformers shows its bar; elsewhere a line is printed about ten times a run.
    RL trainers also leave here what they sampled and where a step's time went.

    Attributes:
        rows: the curve, a row a step; no times in it, so that equal runs log equal files.
        phases: seconds and tokens per second of each step by phase, RL only.
        samples: some completions with their rewards, RL only.
        rollouts: completions sampled so far, RL only.
    """

    def __init__(self, log_file: Path, budget: int | None = None, round_steps: int = 1) -> None:
        """Args: the curve's file; rollouts after which training ends; optimizer steps of a generation round."""
        self.log_file, self.budget, self.round_steps = log_file, budget, round_steps
        self.rows: list[dict[str, float]] = []
        self.phases: list[dict[str, float]] = []
        self.samples: list[dict[str, Any]] = []
        self.rollouts = 0
        self.sampled_quarter = 0
        self._started = 0.0
        self._first_step = 0
        self._seconds_before = 0.0
        self._seconds = 0.0

    @property
    def spent(self) -> bool:
        """True when the budget of rollouts is used up."""
        return self.budget is not None and self.rollouts >= self.budget

    def state(self) -> dict[str, Any]:
        """What a checkpoint needs of this, as JSON."""
        seconds = self._seconds_before + time.perf_counter() - self._started
        kept = {key: getattr(self, key) for key in ("rows", "phases", "samples", "rollouts", "sampled_quarter")}
        return {**kept, "seconds": seconds}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._seconds_before = state.pop("seconds")
        vars(self).update(state)

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._started = time.perf_counter()
        self._first_step = state.global_step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.spent and state.global_step % self.round_steps == 0:
            control.should_training_stop = True
        if control.should_training_stop:
            control.should_save = False  # a run resumed at its very end would take a step more

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
        every = max(1, state.max_steps // 10)
        if args.disable_tqdm and state.global_step % every == 0:
            self._print_progress(state, row)

    def _print_progress(self, state: TrainerState, row: dict[str, float]) -> None:
        seconds = time.perf_counter() - self._started
        speed = (state.global_step - self._first_step) / seconds
        shown = [f"{key} {row[key]:.3f}" for key in ("loss", "reward", "completions/mean_length") if key in row]
        if self.phases:
            shown += [
                f"{phase} {self.phases[-1][f'{phase}_tokens_per_second']:.0f} tokens/s"
                for phase in ("generate", "score", "train")
            ]
        left = (state.max_steps - state.global_step) / speed
        print(
            f"step {state.global_step}/{state.max_steps}: {', '.join(shown)}; {speed:.2f} steps/s, {left:.0f} s left",
            flush=True,
        )

    def add_phases(self, step: int, seconds: dict[str, float], tokens: dict[str, int]) -> None:
        """Keep where the time of the steps since the last call went; a phase that did not run has 0 tokens/s."""
        row: dict[str, float] = {"step": step}
        for phase, spent in seconds.items():
            row[f"{phase}_seconds"] = spent
            row[f"{phase}_tokens"] = tokens[phase]
            row[f"{phase}_tokens_per_second"] = tokens[phase] / spent if tokens[phase] and spent > 0 else 0.0
        self.phases.append(row)

    def wants_samples(self) -> bool:
        """True in the first generation round, and once in each quarter of the budget, at its end."""
        quarter = min(4, 4 * self.rollouts // (self.budget or self.rollouts))
        wanted = not self.samples or quarter > self.sampled_quarter
        if wanted:
            self.sampled_quarter = quarter
        return wanted

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._seconds = self._seconds_before + time.perf_counter() - self._started
        if state.is_world_process_zero:
            self.write_curve(self.log_file)

    def write_curve(self, file: Path) -> None:
        """Write the curve so far as CSV."""
        write_text(file, pd.DataFrame(self.rows).to_csv(index=False))

    def tail_mean(self, key: str) -> float:
        """Mean of a logged value over the last tenth of the steps that logged it."""
        known = [row[key] for row in self.rows if row.get(key) is not None]
        tail = known[-max(1, len(known) // 10) :]
        return sum(tail) / len(tail)

    def summary(self, tokens: int) -> dict[str, float]:
        """Steps, loss at the end, tokens seen, wall seconds and tokens per second."""
        return {
            "steps": len(self.rows),
            "loss": self.tail_mean("loss"),
            "tokens": tokens,
            "seconds": self._seconds,
            "tokens_per_second": tokens / self._seconds,
        }

    def phase_summary(self) -> dict[str, dict[str, float]]:
        """Seconds per step and tokens per second of each phase, over the run."""
        table = pd.DataFrame(self.phases)
        return {
            phase: {
                "seconds_per_step": float(table[f"{phase}_seconds"].sum() / len(self.rows)),
                "tokens_per_second": float(table[f"{phase}_tokens"].sum() / table[f"{phase}_seconds"].sum()),
            }
            for phase in ("generate", "score", "train")
        }


def flops(model: PreTrainedModel, forward_tokens: int, trained_tokens: int, options: TrainingOptions) -> float:
    """Floating-point operations: 2 per parameter and token forward, 6 forward and backward (arXiv 2001.08361).

    With adapters 4, since no gradient of the weights themselves is computed.
    """
    trained = 6 if options.lora is None else 4
    return float(model.num_parameters()) * (2 * forward_tokens + trained * trained_tokens)
