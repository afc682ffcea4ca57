"""Trackers that people have, through transformers' `report_to`; their files stay in data/tracking/."""

import os
from pathlib import Path

from r1.config.recipe import Tracker

FOLDER = Path("data/tracking")
CHOSEN = "R1_TRACKER"
"""Environment variable that r1.training.arguments reads, where the configuration of the runner is unknown."""


def set_tracker(tracking: Tracker, run: str, offline: bool) -> None:
    """Tell a stage's trainer, through the environment, where to log; call it before libraries are imported.

    Args:
        tracking: the tracker.
        run: name of the run, such as `zero`.
        offline: keep everything on this machine, whatever the user's own environment says.
    """
    os.environ[CHOSEN] = tracking
    folder = FOLDER.resolve() / tracking
    local = {
        "tensorboard": {"TENSORBOARD_LOGGING_DIR": f"{folder / run}"},
        "trackio": {"TRACKIO_DIR": f"{folder}"},
        "wandb": {"WANDB_DIR": f"{folder}", "WANDB_MODE": "offline"},
        "mlflow": {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"},
    }.get(tracking, {})
    if tracking != "none":
        folder.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("WANDB_PROJECT", "r1")
        os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "r1")
    for name, value in local.items():
        if offline or name.endswith("_DIR"):
            os.environ[name] = value
        elif name != "WANDB_MODE":
            os.environ.setdefault(name, value)
    if offline:
        for name in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
            os.environ.pop(name, None)
