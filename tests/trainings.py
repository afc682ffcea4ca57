"""Trainings of every kind at smoke size, and ways to end them early, for the tests of what all kinds share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from r1.config.rl import RlConfig
from r1.finetuning.pretrain import pretrain
from r1.finetuning.reward_model import train_reward_model
from r1.finetuning.sft import finetune
from r1.models.chat import as_messages
from r1.models.policy import Policy, Untrained
from r1.rl.settings import RlSettings
from r1.rl.train import train_rl
from r1.training.context import PLAIN, Trained, TrainingContext
from r1.training.guards import Guard
from tests.conftest import compose

SMOKE = compose("profile=smoke")
EVERY, STEPS = 2, 9
"""Steps between checkpoints, and of a supervised run: three epochs of three."""

Training = Callable[[Path, TrainingContext], Trained]
"""From a model directory and where it runs."""


def context(folder: Path, checkpoints: str = "checkpoints", **training: Any) -> TrainingContext:
    """Seed 0, curve and checkpoints in the folder, PLAIN but for what is given."""
    return TrainingContext(0, folder / "curve.csv", folder / checkpoints, PLAIN.model_copy(update=training))


def dense(model: Path) -> Path:
    """The model, if it is the dense one; skips the test with the other."""
    if model.parent.name.startswith("deepseek"):
        pytest.skip("one architecture tells all there is to tell here")
    return model


# --- supervised --------------------------------------------------------------


def pretrained(base: Path, context: TrainingContext) -> Trained:
    """From random weights; of the base the tokenizer alone."""
    architecture, settings = SMOKE.base.architecture, SMOKE.base.pretraining
    assert architecture is not None and settings is not None
    changes = {"max_steps": STEPS, "batch_size": 8, "micro_batch_size": 4, "checkpoint_steps": EVERY}
    texts = [f"What is {n} + 1?" for n in range(50)]
    untrained = Untrained(architecture, Policy(base).tokenizer, seed=0)
    return pretrain(untrained, texts, settings.model_copy(update=changes), context)


def finetuned(base: Path, context: TrainingContext) -> Trained:
    examples = [{"prompt": f"What is {n} + 0?", "completion": f"<answer>{n}</answer>"} for n in range(20)]
    settings = SMOKE.sft.model_copy(update={"epochs": 3, "micro_batch_size": 4, "checkpoint_steps": EVERY})
    return finetune(Policy(base), examples, settings, context)


def preferring(base: Path, context: TrainingContext) -> Trained:
    pairs = [{"prompt": f"What is {n}?", "chosen": f"It is {n}.", "rejected": "No."} for n in range(20)]
    settings = SMOKE.reward_model.model_copy(update={"epochs": 3, "checkpoint_steps": EVERY})
    return train_reward_model(Policy(base), pairs, settings, context)


# --- reinforcement learning --------------------------------------------------


def brevity(*, completion_ids: list[list[int]], **_: Any) -> list[float | None]:
    return [-float(len(ids)) for ids in completion_ids]


@cache
def _shared(algorithm: str) -> RlConfig:
    return compose("profile=smoke", f"rl/algorithm={algorithm}").rl


def configured(name: str, **changes: Any) -> RlConfig:
    """What every RL run shares at smoke size, with an algorithm some of whose settings are changed."""
    rl = _shared(name)
    return rl.model_copy(update={"algorithm": rl.algorithm.model_copy(update=changes)})


def reinforced(
    base: Path,
    context: TrainingContext,
    reward: Any = brevity,
    rl: RlConfig = SMOKE.rl,
    steps: int = 3,
    learning_rate: float = 1.5e-4,
    held_back: list[dict[str, Any]] | None = None,
) -> Trained:
    """RL on a reward of the test's own, beside those that the algorithm adds to every stage."""
    prompts = [
        {"prompt": as_messages(f"What is {n} + 1?"), "task": "chain_sum", "answer": str(n + 1), "kind": ""}
        for n in range(4 * steps)
    ]
    name = reward.__name__
    batches = {"batch_size": 16, "micro_batch_size": 8, "micro_batch_tokens": None}
    changes = {**batches, "max_steps": steps, "learning_rate": learning_rate, "rewards": {name: 1.0}}
    stage = SMOKE.zero.model_copy(update=changes)
    return train_rl(Policy(base), prompts, RlSettings(stage, rl), context, held_back, **{name: reward})


# --- ends --------------------------------------------------------------------


class Killed(BaseException):
    """Stands for a SIGKILL: nothing in between may catch it."""


@contextmanager
def killed_in(step: int) -> Iterator[None]:
    """Kill the run in the block as it logs a step, before the step is saved."""

    def on_log(self: Guard, args: Any, state: Any, *_: Any, **__: Any) -> None:
        if state.global_step == step:
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Guard, "on_log", on_log)
        yield
