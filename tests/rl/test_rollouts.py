"""Rollouts by a vLLM server: what reaches TRL, and what is refused before a model is loaded."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from trl import GRPOConfig, RLOOConfig

from r1.config.recipe import Config
from r1.config.sampling import VllmEngineConfig, VllmServerRolloutConfig
from r1.models.policy import Policy
from r1.rl.arguments import rollout_arguments
from r1.rl.rollouts import ServerError, check_rollout
from r1.rl.settings import RlSettings
from r1.rl.train import train_rl
from r1.support.errors import ConfigurationError, UserError
from tests.conftest import ROOT, compose
from tests.sampling.serving import vllm_server
from tests.trainings import context

pytestmark = pytest.mark.slow


def rollout(**changes: object) -> VllmServerRolloutConfig:
    configured = compose("rollout=vllm_server").rl.rollout
    assert isinstance(configured, VllmServerRolloutConfig)
    return configured.model_copy(update={"timeout": 0.0, **changes})


@pytest.mark.parametrize("kind", [GRPOConfig, RLOOConfig])
def test_a_server_is_a_choice_of_the_configuration(kind: type, tmp_path: Path) -> None:
    chosen = rollout_arguments(rollout(timeout=7.0), Policy(tmp_path / "no model"), [], max_completion_length=8)
    arguments = kind(output_dir=str(tmp_path), use_cpu=True, bf16=False, **chosen)
    assert (arguments.use_vllm, arguments.vllm_mode) == (True, "server")
    assert (arguments.vllm_server_base_url, arguments.vllm_group_port) == ("http://127.0.0.1:8000", 51216)
    assert arguments.vllm_server_timeout == 7.0


@contextmanager
def answering(answers: dict[str, tuple[int, object]]) -> Iterator[str]:
    """A server that gives these answers by path, and 404 elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path.partition("?")[0], (404, {}))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


HEALTHY: dict[str, tuple[int, dict[str, Any]]] = {"/health": (200, {})}


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"/health": (503, {})}, "no vLLM server answers within timeout = 0 s .503"),
        (HEALTHY, "without VLLM_SERVER_DEV_MODE=1"),
        (
            {**HEALTHY, "/server_info": (200, {"vllm_config": {"weight_transfer_config": None}})},
            "without --weight-transfer-config",
        ),
    ],
)
def test_a_server_that_cannot_serve_is_refused(answers: dict[str, tuple[int, object]], message: str) -> None:
    with answering(answers) as address, pytest.raises(ServerError, match=message):
        check_rollout(rollout(base_url=address))


@pytest.mark.skipif(torch.cuda.is_available(), reason="about a trainer without a GPU")
def test_a_trainer_without_a_gpu_is_told_so() -> None:
    info = {"vllm_config": {"weight_transfer_config": {"backend": "nccl"}}}
    with (
        answering({**HEALTHY, "/server_info": (200, info)}) as address,
        pytest.raises(ServerError, match="the trainer has no GPU"),
    ):
        check_rollout(rollout(base_url=address))


@pytest.mark.skipif(torch.cuda.is_available(), reason="about a trainer without a GPU")
def test_an_engine_cannot_sleep_on_a_cpu() -> None:
    with pytest.raises(UserError, match=r"rl\.rollout\.sleep = true: vLLM can sleep on a GPU only"):
        check_rollout(compose("rollout=vllm", "rl.rollout.sleep=true").rl.rollout)


def test_a_trainer_with_a_gpu_may_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    info = {"vllm_config": {"weight_transfer_config": {"backend": "nccl"}}}
    with answering({**HEALTHY, "/server_info": (200, info)}) as address:
        check_rollout(rollout(base_url=address))


def test_a_server_that_still_starts_is_waited_for() -> None:
    answers: dict[str, tuple[int, object]] = {"/health": (503, {})}
    with answering(answers) as address:
        threading.Timer(1.0, lambda: answers.update(HEALTHY)).start()
        with pytest.raises(ServerError, match="VLLM_SERVER_DEV_MODE"):  # it was reached
            check_rollout(rollout(base_url=address, timeout=20.0))


def test_students_do_not_sample_from_the_teacher_s_server() -> None:
    """Their architecture is another: the server could not load their weights."""
    shared = compose("rollout=vllm_server", "rl.rollout.students.gpu_memory_utilization=0.4").rl
    students = shared.of_students.rollout
    assert shared.rollout.name == "vllm_server"
    assert isinstance(students, VllmEngineConfig) and students.gpu_memory_utilization == 0.4
    local = compose("rollout=vllm").rl
    assert local.of_students == local
    assert "run.config.rl.of_students" in (ROOT / "stages/student_rl.py").read_text()


def test_training_without_a_server_ends_in_seconds_before_a_model_is_loaded(tmp_path: Path) -> None:
    config: Config = compose("profile=smoke", "rollout=vllm_server")
    rl = config.rl.model_copy(update={"rollout": rollout(base_url="http://127.0.0.1:9", timeout=1.0)})
    settings = RlSettings(config.zero, rl)
    started = time.perf_counter()
    with pytest.raises(ServerError, match=r"http://127\.0\.0\.1:9'.*timeout = 1 s.*refused.*vllm_server\.yaml"):
        train_rl(Policy(tmp_path / "no model"), [], settings, context(tmp_path))
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://127.0.0.1:8000/v1", "http://user:key@host:8000"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"rl\.rollout.*base_url"):
        compose("rollout=vllm_server", f"rl.rollout.base_url='{url}'")


def test_a_real_server_is_recognised(tiny_model: Path, tmp_path: Path) -> None:
    """vLLM's own, started as conf/rollout/vllm_server.yaml says: all that a trainer would need but a GPU of its own."""
    if tiny_model.parent.name.startswith("deepseek"):
        pytest.skip("one architecture is enough")
    options = ["--weight-transfer-config", '{"backend": "nccl"}', "--logprobs-mode", "processed_logprobs"]
    with vllm_server(
        tiny_model, tmp_path / "log", *options, "--max-logprobs", "-1", VLLM_SERVER_DEV_MODE="1"
    ) as address:
        if torch.cuda.is_available():
            check_rollout(rollout(base_url=address))
        else:
            with pytest.raises(ServerError, match="the trainer has no GPU"):
                check_rollout(rollout(base_url=address))
