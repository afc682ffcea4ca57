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
    if offline:
        for name in ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
            os.environ.pop(name, None)
    if tracking == "none":
        return
    folder = FOLDER.resolve() / tracking
    folder.mkdir(parents=True, exist_ok=True)
    if tracking == "tensorboard":
        os.environ["TENSORBOARD_LOGGING_DIR"] = f"{folder / run}"
    elif tracking == "trackio":
        os.environ["TRACKIO_DIR"] = f"{folder}"
    elif tracking == "wandb":
        os.environ["WANDB_DIR"] = f"{folder}"
        os.environ.setdefault("WANDB_PROJECT", "r1")
        if offline:
            os.environ["WANDB_MODE"] = "offline"
    else:
        store = f"sqlite:///{folder / 'mlflow.db'}"
        os.environ["MLFLOW_TRACKING_URI"] = store if offline else os.environ.get("MLFLOW_TRACKING_URI", store)
        os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "r1")
