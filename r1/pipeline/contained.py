"""Keep a tracker from disturbing a training: neither its errors nor its use of random numbers reach the trainer.

transformers lets a tracker's error end the training. This is outside r1/training because it changes no result.
"""

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback
from transformers.integrations import integration_utils

log = logging.getLogger(__name__)


def contain(name: str) -> None:
    """Have transformers' trainers make the tracker of this name inside a `Contained`."""
    callbacks = integration_utils.INTEGRATION_TO_CALLBACK
    made = callbacks[name]

    class Tracker(Contained):
        def __init__(self) -> None:
            super().__init__(name, made)

    callbacks[name] = Tracker


class Contained(TrainerCallback):
    """Pass a training's start, logs and end to a tracker, until it fails; no saves, so no tracker gets weights."""

    def __init__(self, name: str, made: type[TrainerCallback]) -> None:
        self._name = name
        self._callback: TrainerCallback | None = None
        with self._contained():
            self._callback = made()

    def on_train_begin(self, *given: Any, **more: Any) -> None:
        self._tell("on_train_begin", *given, **more)

    def on_log(self, *given: Any, **more: Any) -> None:
        logs = {key: value for key, value in more.pop("logs", {}).items() if value is not None}  # TRL's mean of nothing
        self._tell("on_log", *given, logs=logs, **more)

    def on_train_end(self, *given: Any, **more: Any) -> None:
        self._tell("on_train_end", *given, **more)

    def _tell(self, event: str, *given: Any, **more: Any) -> None:
        if self._callback is not None:
            with self._contained():
                getattr(self._callback, event)(*given, **more)

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """Give the generators back as they were (MLflow names runs with Python's), and let no error out."""
        states = random.getstate(), np.random.get_state(), torch.get_rng_state()
        try:
            yield
        except Exception as error:  # whatever a disk, a network or a server makes of it
            self._callback = None
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            log.warning("tracking = %s failed, training goes on without it: %s", self._name, reason)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])
