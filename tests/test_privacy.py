"""Nothing calls home, and nothing that is written holds a secret."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import prepare_environment
from r1.training.arguments import device_arguments
from r1.training.context import TrainingContext
from tests.conftest import ROOT, compose, run_alone

SECRET = "hf_thisIsNoRealToken"


OFF = {
    "HF_HUB_DISABLE_TELEMETRY": "1",  # the hub's client, transformers, datasets, TRL
    "VLLM_NO_USAGE_STATS": "1",  # vLLM's own
    "DO_NOT_TRACK": "1",  # https://donottrack.sh: the hub's client and vLLM again
    "WANDB_ERROR_REPORTING": "false",
    "GRADIO_ANALYTICS_ENABLED": "False",  # trackio's client
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def environment(offline: bool) -> dict[str, str]:
    """What a stage adds to an empty environment."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        prepare_environment(compose().model_copy(update={"offline": offline}))
        return dict(os.environ)
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.parametrize("offline", [True, False])
def test_a_stage_turns_every_telemetry_off(offline: bool) -> None:
    values = environment(offline)
    assert {name: values.get(name) for name in OFF} == OFF
    assert ("HF_HUB_OFFLINE" in values) == offline  # datasets and transformers read it too


def test_the_libraries_heed_what_a_stage_sets() -> None:
    """In a process of its own, as they read it when they are imported."""
    run_alone(
        "from types import SimpleNamespace\n"
        "from r1.pipeline.stage import prepare_environment\n"
        "world = SimpleNamespace(has_code=False)\n"
        "prepare_environment(SimpleNamespace(offline=True, plugins='plugins', sandbox='bubblewrap', prepare=world))\n"
        "import datasets.config, huggingface_hub.constants as hub\n"
        "assert hub.HF_HUB_DISABLE_TELEMETRY and hub.HF_HUB_OFFLINE\n"
        "assert datasets.config.HF_HUB_OFFLINE and hub.is_offline_mode()\n"
    )


def test_trainers_report_to_nobody() -> None:
    assert device_arguments(TrainingContext(0, Path(), Path()))["report_to"] == "none"


def test_dvc_sends_no_analytics_and_asks_for_no_update() -> None:
    for option in ("core.analytics", "core.check_update"):
        shown = subprocess.run(
            [sys.executable, "-m", "dvc", "config", "--project", option],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"DVC_NO_ANALYTICS": "1"},
        )
        assert shown.stdout.strip() == "false"


@pytest.mark.slow
def test_an_offline_checkpoint_opens_no_connection() -> None:
    run_alone(
        "import socket\n"
        "from types import SimpleNamespace\n"
        "from r1.pipeline.stage import prepare_environment\n"
        "world = SimpleNamespace(has_code=False)\n"
        "prepare_environment(SimpleNamespace(offline=True, plugins='plugins', sandbox='bubblewrap', prepare=world))\n"
        "called = []\n"
        "socket.getaddrinfo = lambda *arguments, **_: called.append(arguments)\n"
        "from r1.models.loading import BrokenCheckpoint, load_checkpoint\n"
        "try: load_checkpoint('some/model')\n"
        "except BrokenCheckpoint: pass\n"
        "assert not called, called\n"
    )


def test_a_token_is_in_no_manifest_and_no_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is the stage's sections of the configuration, never the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET)
    config = compose("profile=smoke")
    params: dict[str, Any] = config.model_dump(mode="json")
    run = Run("zero", Sections(config.seed), params, ROOT / "stages" / "zero.py")
    with run.artifact("data/models/zero", inputs={}, counts={}) as directory:
        (directory / "weights").write_text("")
    run.metrics({"loss": 0.0})
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in written} == {"weights", "manifest.json", "zero.json"}
    assert json.loads((tmp_path / "data/models/zero/manifest.json").read_text())["params"] == params
    assert not [path for path in written if SECRET in path.read_text()]
