"""The server's command, and its middleware; with vLLM, an OpenAI client against a server of a tiny model."""

import asyncio
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r1.finished import Finished
from r1.models.policy import Policy
from r1.models.turns import with_stop
from r1.support.artifacts import BrokenArtifact, write_manifest
from r1.talk.chat import chat
from r1.talk.serve import CannotServe, command, environment, serve
from r1.talk.speaker import Drawing
from r1.talk.stops import STOPS, AddStops
from tests.conftest import ROOT
from tests.random_models import random_model


@pytest.fixture
def model(tmp_path: Path) -> Finished:
    return Finished("zero", random_model("qwen3", tmp_path / "zero"), {})


def test_it_listens_on_this_machine_only_and_runs_no_code_of_the_model(model: Finished) -> None:
    words = command(model, Policy(model.directory), 8000, [])
    options = dict(itertools.pairwise(words))
    assert options["--host"] == "127.0.0.1" == environment(Policy(model.directory))["VLLM_HOST_IP"]
    assert options["--allowed-origins"] == "[]" and options["--load-format"] == "safetensors"
    assert options["--served-model-name"] == "zero"
    assert "--no-trust-remote-code" in words and "--middleware" not in words and "--reasoning-parser" not in words


def test_stop_strings_and_an_opened_think_block_are_told_to_vllm(model: Finished, tmp_path: Path) -> None:
    shutil.copytree(model.directory, tmp_path / "model")
    template = tmp_path / "model/chat_template.jinja"
    template.write_text(
        with_stop(template.read_text().replace("{{ 'Assistant:\n' }}", "{{ 'Assistant:<think>\n' }}"), "</answer>")
    )
    policy = Policy(tmp_path / "model")
    words = command(Finished("zero", policy.directory, {}), policy, 8000, ["http://localhost:3000"])
    options = dict(itertools.pairwise(words))
    assert json.loads(environment(policy)[STOPS]) == ["</answer>"] and policy.opened == "<think>\n"
    assert options["--middleware"] == "r1.talk.stops.AddStops" and options["--reasoning-parser"] == "deepseek_r1"
    assert options["--allowed-origins"] == '["http://localhost:3000"]'


def through(path: str, body: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A request's body as the server behind the middleware reads it; its length must be declared."""
    monkeypatch.setenv(STOPS, '["</answer>"]')
    read: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        declared = dict(scope["headers"]).get(b"content-length")
        while (message := await receive()).get("more_body"):
            read.append(message["body"])
        read.append(message["body"])
        assert declared == str(len(b"".join(read))).encode()

    pieces = iter([(body[:5], True), (body[5:], False)])

    async def receive() -> dict[str, Any]:
        piece, more = next(pieces)
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(message: Any) -> None: ...

    headers = [(b"content-length", str(len(body)).encode())]
    asyncio.run(AddStops(app)({"type": "http", "path": path, "headers": headers}, receive, send))
    return b"".join(read)


@pytest.mark.parametrize(
    ("given", "stops"),
    [
        ({}, ["</answer>"]),
        ({"stop": None}, ["</answer>"]),
        ({"stop": "5"}, ["5", "</answer>"]),
        ({"stop": ["5", "</answer>"]}, ["5", "</answer>"]),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_stop_strings_join_those_of_the_request(
    given: dict[str, Any], stops: list[str], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = json.loads(through(path, json.dumps({"model": "zero", **given}).encode(), monkeypatch))
    assert read == {"model": "zero", "stop": stops, "include_stop_str_in_output": True}


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/chat/completions", b"no JSON"), ("/v1/chat/completions", b"[1, 2]"), ("/tokenize", b'{"stop": "5"}')],
)
def test_other_requests_pass_unchanged(path: str, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert through(path, body, monkeypatch) == body


@pytest.fixture
def project(model: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(model.directory, tmp_path / "data/models/zero")
    write_manifest(tmp_path / "data/models/zero", {})
    monkeypatch.chdir(tmp_path)


def test_a_port_in_use_is_named(project: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotServe, match=f"--port {port}: .*; choose another"):
            serve("zero", port, [])


def test_a_damaged_model_is_neither_served_nor_asked(project: None) -> None:
    config = Path("data/models/zero/config.json")
    config.write_text(config.read_text()[:50])
    for ask in (lambda: serve("zero", 8000, []), lambda: chat("zero", Drawing(0.0, 1.0, 1), 0)):
        with pytest.raises(BrokenArtifact, match="data/models/zero is truncated or was changed"):
            ask()


@pytest.fixture
def url(project: None, tmp_path: Path) -> Iterator[str]:
    """A server of the model, as the command starts it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "r1", "serve", "zero", "--port", str(port)]
    started = subprocess.Popen(words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        for _ in range(600):
            assert started.poll() is None
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        started.terminate()
        started.wait(60)


@pytest.mark.slow
def test_an_openai_client_gets_the_models_own_greedy_answer(url: str, model: Finished) -> None:
    from openai import OpenAI

    from r1.talk.speaker import Drawing, Speaker

    client, speaker = OpenAI(base_url=url, api_key="none"), Speaker(model)
    assert [served.id for served in client.models.list()] == ["zero"]
    asked = [{"role": "user", "content": "What is 1 + 3 - 2?"}]
    reply = client.chat.completions.create(model="zero", messages=asked, temperature=0, max_tokens=16)  # type: ignore[arg-type]
    ours = "".join(speaker.answer(asked, Drawing(0.0, 1.0, 16), 0))
    # At its limit a random model may stop within a character, whose bytes only one of the two shows.
    assert (reply.choices[0].message.content or "").rstrip("\ufffd") == ours.rstrip("\ufffd")
    headers = {"Origin": "http://example.org"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/models", headers=headers)) as page:
        assert "access-control-allow-origin" not in {name.lower() for name in page.headers}
