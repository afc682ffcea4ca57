"""A tracker that fails or draws random numbers neither stops a training nor changes its bytes."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from r1.pipeline.contained import contain
from r1.training import arguments
from tests.trainings import Training, context, dense, finetuned, preferring, pretrained, reinforced


@dataclass
class Disturbing:
    """Makes a tracker that draws from every generator, and fails at one of its events."""

    fails_at: int
    events: list[str] = field(default_factory=list)

    def __call__(self) -> TrainerCallback:
        self.disturb("made")
        callback = TrainerCallback()
        for event in ("on_train_begin", "on_log", "on_train_end", "on_save"):
            setattr(callback, event, lambda *_, _event=event, **more: self.disturb(_event, more.get("logs", {})))
        return callback

    def disturb(self, event: str, logs: dict[str, Any] | None = None) -> None:
        assert None not in (logs or {}).values()
        self.events.append(event)
        random.random(), np.random.rand(), torch.rand(3)
        if len(self.events) == self.fails_at:
            raise OSError("the tracker's disk\nis full")


def outcome(training: Training, base: Path, folder: Path) -> tuple[str, str]:
    """Hash of the weights, and the curve."""
    trained = training(base, context(folder))
    weights = b"".join(value.numpy().tobytes() for _, value in sorted(trained.model.state_dict().items()))
    return hashlib.sha256(weights).hexdigest(), (folder / "curve.csv").read_text()


@pytest.fixture(scope="module")
def untracked(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Training], tuple[str, str]]:
    return cache(lambda training: outcome(training, dense(tiny_model), tmp_path_factory.mktemp("none")))


@pytest.mark.slow
@pytest.mark.parametrize("fails_at", [0, 1, 2, 4], ids=["never", "when it is made", "at the start", "in a step"])
@pytest.mark.parametrize("training", [pretrained, finetuned, preferring, reinforced])
def test_a_tracker_neither_changes_nor_stops_a_training(
    training: Training,
    fails_at: int,
    untracked: Callable[[Training], tuple[str, str]],
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected, tracker = untracked(training), Disturbing(fails_at)
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "tensorboard", tracker)
    contain("tensorboard")
    monkeypatch.setenv(arguments.TRACKER, "tensorboard")
    capsys.readouterr()
    assert outcome(training, tiny_model, tmp_path) == expected
    steps = expected[1].count("\n") - 1
    whole = ["made", "on_train_begin", *["on_log"] * (steps + 1), "on_train_end"]  # the last log is the summary
    assert tracker.events == (whole[:fails_at] if fails_at else whole)
    said = [line for line in capsys.readouterr().out.splitlines() if "tracking = tensorboard failed" in line]
    assert len(said) == bool(fails_at) and all("OSError: the tracker's disk is full" in line for line in said)
