"""Evaluation while training: pass@1 on problems held back from the RL prompts, and the best weights kept.

The held-back problems are from the RL split, so they are none of those that claims rest on.
"""

import logging
import math
import random
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from r1.config.rl import RlConfig
from r1.models.chat import as_messages
from r1.models.turns import cut, opened, stop_strings
from r1.rewards.accuracy import are_correct
from r1.support.artifacts import read_json, write_aside
from r1.training.checkpoints import STATE, Checkpointed, load_weights

log = logging.getLogger(__name__)

Rows = list[dict[str, Any]]

SCORE = "validation/pass_at_1"
"""Key in the learning curve: of the weights after the step."""
SEED = 0
"""Every evaluation draws the same random numbers, and training draws its own."""


def hold_back(rows: Rows, count: int, seed: int) -> tuple[Rows, Rows]:
    """Split rows into those to train on, in their order, and `count` at random, at most half, to evaluate on."""
    held = set(random.Random(seed).sample(range(len(rows)), min(count, len(rows) // 2)))
    return [row for at, row in enumerate(rows) if at not in held], [rows[at] for at in sorted(held)]


class Validated(Checkpointed):
    """Mixin: every `rl.validation_steps` steps log pass@1 on held-back problems, and keep the best weights if asked.

    The best weights lie beside the checkpoints, in best-<step>. Those that a checkpoint may return to are kept with
    it, so a resumed run has the best of its own past.

    Attributes:
        opened, stops: what the generation prompt opens, and the strings that end a completion; r1/models/turns.py.
    """

    num_generations: int
    processing_class: Any

    def __init__(self, *args: Any, rl: RlConfig, held_back: Rows, **kwargs: Any) -> None:
        """Args: settings of all RL runs; held-back problems, rows of `prompt`, `task`, `answer`."""
        super().__init__(*args, rl=rl, **kwargs)
        self.rl, self.held_back = rl, held_back
        self.opened, self.stops = opened(self.processing_class), stop_strings(self.processing_class)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add pass@1 to the log of a step that is due, before it is recorded and saved."""
        finite = all(math.isfinite(logs.get(key, 0.0)) for key in ("loss", "grad_norm"))
        if "loss" in logs and finite and self._is_due():  # a guard reports the others
            logs[SCORE] = score = self._pass_at_1()
            if self.rl.keep == "best" and (self.record.best is None or score > self.record.best["score"]):
                self._save_best()
                self.record.best = {"step": self.state.global_step, "score": score}
        super().log(logs, start_time)  # type: ignore[misc]

    def _is_due(self) -> bool:
        every, step = self.rl.validation_steps, self.state.global_step
        return every > 0 and (step % every == 0 or step == self.state.max_steps or self.record.spent)

    def _pass_at_1(self) -> float:
        """Share of right answers among a group of completions per problem, sampled as rollouts are."""
        accelerator = self.accelerator
        share = len(self.held_back) // accelerator.num_processes  # the same in each, since generation is a collective
        rows = self.held_back[accelerator.process_index * share :][:share]
        rows = [row for row in rows for _ in range(self.num_generations)]
        at_once = self.args.per_device_train_batch_size * self.args.steps_per_generation
        correct = 0
        devices = [accelerator.device] if accelerator.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(SEED + accelerator.process_index)
            for start in range(0, len(rows), at_once):
                asked = rows[start : start + at_once]
                texts = self._completions([as_messages(row["prompt"]) for row in asked])
                correct += sum(are_correct(texts, [row["task"] for row in asked], [row["answer"] for row in asked]))
        totals = torch.tensor([correct, len(rows)], device=accelerator.device)
        right, drawn = accelerator.reduce(totals, reduction="sum").tolist()
        return float(right / drawn)

    def _completions(self, prompts: list[Any]) -> list[str]:
        ids = self._sampled(*self._tokenize_prompts(prompts))  # type: ignore[attr-defined]
        return self._turns(self.processing_class.batch_decode(ids, skip_special_tokens=True))

    def _turns(self, completions: list[str]) -> list[str]:
        """Completions with what the generation prompt opened, up to the stop string: the model's text to any reader."""
        return [self.opened + cut(text, self.stops)[0] for text in completions]

    def _sampled(self, *prompts: Any) -> list[list[int]]:
        """Token ids of one completion per prompt; every `num_generations` prompts are the same."""
        ids, _ = self._generate_single_turn(*prompts, self.num_generations)  # type: ignore[attr-defined]
        return list(ids)

    def _best(self, step: int) -> Path:
        return Path(self.args.output_dir) / f"best-{step}"

    def _save_best(self) -> None:
        weights = self.accelerator.get_state_dict(self.model_wrapped)  # a collective
        if self.args.should_save:
            with write_aside(self._best(self.state.global_step)) as directory:
                separate = {key: value.contiguous().clone() for key, value in weights.items()}  # tied ones too
                save_file(separate, directory / "model.safetensors")
        self.accelerator.wait_for_everyone()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self.rl.keep == "best" and self.args.should_save:
            self._delete_outdone()

    def _delete_outdone(self) -> None:
        """Delete best weights that neither this run nor a checkpoint refers to."""
        folder = Path(self.args.output_dir)
        states = [self.record.best, *(read_json(file)["best"] for file in folder.glob(f"checkpoint-*/{STATE}"))]
        needed = {self._best(state["step"]) for state in states if state}
        for directory in folder.glob("best-*"):
            if directory not in needed:
                shutil.rmtree(directory)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        best = self.record.best
        if best and not self._best(best["step"]).exists():
            log.warning("%s is gone: the best is now the best from here on", self._best(best["step"]))
            self.record.best = None

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train; with `keep: best` the model then has its best weights."""
        output = super().train(*args, **kwargs)  # type: ignore[misc]
        if self.rl.keep == "best" and self.record.best:
            step = self.record.best["step"]
            load_weights(self.accelerator, self.model_wrapped, load_file(self._best(step) / "model.safetensors"))
            log.info("kept the weights of step %d: %s %.3f", step, SCORE, self.record.best["score"])
        return output
