"""Trackers: chosen by name, local while offline, and without effect on any result."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from r1.pipeline import tracking
from r1.pipeline.compose import compose
from r1.support.errors import ConfigurationError
from r1.training import arguments
from tests.conftest import ROOT
from tests.trainings import context, dense, reinforced

REMOTE = {"WANDB_MODE": "online", "MLFLOW_TRACKING_URI": "https://mlflow.example", "TRACKIO_SPACE_ID": "me/space"}
REMOTE["TRACKIO_SERVER_URL"] = "https://trackio.example"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own settings point to servers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {**os.environ, **REMOTE})


def test_runner_and_trainer_use_the_same_variable() -> None:
    assert tracking.CHOSEN == arguments.TRACKER


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("tensorboard", {"TENSORBOARD_LOGGING_DIR": "{}/data/tracking/tensorboard/zero"}),
        ("trackio", {"TRACKIO_DIR": "{}/data/tracking/trackio", "TRACKIO_SPACE_ID": None, "TRACKIO_SERVER_URL": None}),
        ("wandb", {"WANDB_MODE": "offline", "WANDB_DIR": "{}/data/tracking/wandb", "WANDB_PROJECT": "r1"}),
        ("mlflow", {"MLFLOW_TRACKING_URI": "sqlite:///{}/data/tracking/mlflow/mlflow.db"}),
    ],
)
def test_offline_keeps_everything_here(chosen: Any, expected: dict[str, str | None], tmp_path: Path) -> None:
    tracking.set_tracker(chosen, "zero", offline=True)
    found = {name: os.environ.get(name) for name in expected}
    assert found == {name: value and value.format(tmp_path) for name, value in expected.items()}
    assert os.environ[tracking.CHOSEN] == chosen


@pytest.mark.parametrize(("chosen", "variable"), [("wandb", "WANDB_MODE"), ("mlflow", "MLFLOW_TRACKING_URI")])
def test_online_the_users_own_settings_hold(chosen: Any, variable: str) -> None:
    tracking.set_tracker(chosen, "zero", offline=False)
    assert os.environ[variable] == REMOTE[variable]


def test_none_leaves_no_folder(tmp_path: Path) -> None:
    tracking.set_tracker("none", "zero", offline=True)
    assert os.environ[tracking.CHOSEN] == "none" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "said"),
    [("wandb", "tracking = 'wandb': is not installed; `pip install wandb`"), ("paper", "tracking")],
)
def test_what_is_missing_or_unknown_is_told_in_one_line(value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1.config.recipe.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=said) as caught:
        compose([f"tracking={value}"], ROOT / "conf")
    assert "\n" not in str(caught.value).strip()


def test_a_tracker_sees_the_curve_and_changes_no_result(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, float]] = []

    class Fake(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            seen.append(dict(given["logs"]))

    def outcome(name: str) -> tuple[str, str]:
        trained = reinforced(tiny_model, context(tmp_path, name))
        weights = b"".join(value.numpy().tobytes() for _, value in sorted(trained.model.state_dict().items()))
        return hashlib.sha256(weights).hexdigest(), (tmp_path / "curve.csv").read_text()

    dense(tiny_model)
    without = outcome("without")
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "fake", Fake)
    os.environ[arguments.TRACKER] = "fake"
    assert outcome("with") == without
    assert sum("reward" in logs for logs in seen) == 3
