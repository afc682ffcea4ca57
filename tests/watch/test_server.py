"""The page is for this machine, for reading, and for nothing but the project."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r1.support.errors import UserError
from r1.watch.server import _PAGE, Server
from tests.conftest import ROOT
from tests.watch.projects import finish, project, train

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    train(project(tmp_path))
    with Server(tmp_path, 0) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        running.shutdown()


def get(server: Server, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(str(server.server_address[0]), server.server_address[1], timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_it_listens_on_the_loopback_only(server: Server) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.address.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.168.0.2", "", "0"]
)
def test_a_foreign_name_is_refused(host: str, server: Server) -> None:
    status, _, body = get(server, "/api/state", Host=host)
    assert status == 421 and b"zero" not in body


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:9000", "127.0.0.1:8765"])
def test_this_machine_is_served_also_through_a_tunnel(host: str, server: Server) -> None:
    assert get(server, "/", Host=host)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_it_takes_get_only(method: str, server: Server) -> None:
    assert get(server, "/", method)[0] == 405


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/dvc.yaml",
            "/../dvc.yaml",
            "/..%2fdvc.yaml",
            "/%2e%2e/dvc.yaml",
            "//etc/passwd",
            "/page/app.js",
            "/app.js/",
        ),
        *(
            "/api",
            "/api/",
            "/api/nothing",
            "/api/curve?run=../../params",
            "/api/curve?run=",
            "/api/rollouts?source=../x",
        ),
        *("/api/rollouts?source=evaluations/../../..", "/api/rollout?source=zero&piece=../1&row=0", "/index.html%00"),
    ],
)
def test_nothing_else_is_found(path: str, server: Server) -> None:
    status, _, body = get(server, path)
    assert (status, body) == (404, b"not found\n")


@pytest.mark.parametrize("path", ["/api/rollouts?source=zero&step=x", "/api/rollout?source=zero&piece=1&row=x"])
def test_what_is_no_number_is_a_bad_request(path: str, server: Server) -> None:
    status, _, body = get(server, path)
    assert status == 400 and body.endswith(b" = 'x': a number is expected\n")


DAMAGES: dict[str, tuple[str, str | bytes | None]] = {
    "curve-without-text": ("data/plots/zero.csv", b"step,reward\n1,\xff\xfe\n"),
    "recipe-of-numbers": ("dvc.yaml", "stages: {zero: 5, base: {matrix: 5, deps: 3, cmd: [], outs: {a: b}}}"),
    "recipe-of-a-list": ("dvc.yaml", "stages: [1]"),
    "recipe-is-a-folder": ("dvc.yaml", None),
    "lock-of-numbers": ("dvc.lock", "stages: {zero: 5, base@base: {deps: [1, {path: 2}], outs: 3, params: 4}}"),
    "lock-of-a-list": ("dvc.lock", "stages: 5"),
    "truncated-rollouts": ("data/rollouts/zero/rollouts.parquet", b"PAR1 and no more"),
    "rollouts-are-a-folder": ("data/rollouts/zero/rollouts.parquet", None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_leaves_the_rest_of_the_page(damage: str, tmp_path: Path) -> None:
    finish(project(tmp_path), "base@base", "zero")
    name, content = DAMAGES[damage]
    file = tmp_path / name
    with Server(tmp_path, 0) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            file.unlink(missing_ok=True)
            file.mkdir()
        else:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        for path in ("/api/state", "/api/curve?run=zero", "/api/rollouts?source=zero"):
            assert get(running, path)[0] in (200, 404), get(running, path)
        running.shutdown()


def test_what_fails_otherwise_is_an_answer_too(server: Server) -> None:
    server.answers["/api/state"] = lambda _: 1 / 0
    status, _, body = get(server, "/api/state")
    assert (status, body) == (500, b"ZeroDivisionError: division by zero\n")


def test_every_answer_forbids_what_the_page_does_not_need(server: Server) -> None:
    for path in ("/", "/app.js", "/api/state", "/nothing"):
        _, headers, _ = get(server, path)
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control")]


def test_the_answers(server: Server) -> None:
    def read(path: str) -> Any:
        status, headers, body = get(server, path)
        assert status == 200 and headers["content-type"].startswith("application/json")
        return json.loads(body)

    assert read("/api/state")["rollouts"] == ["zero"]
    assert read("/api/curve?run=zero")["last"] == 5
    assert read("/api/rollouts?source=zero&step=2&family=search&text=right&count=5")["found"] == 1
    assert read("/api/rollouts?source=zero&count=100000&start=-5")["found"] == 20
    assert read("/api/rollout?source=zero&piece=2&row=1")["prompt"] == "What is 2 + 0?"


def test_what_has_not_changed_is_not_sent_again(server: Server) -> None:
    _, headers, body = get(server, "/api/curve?run=zero")
    status, _, again = get(server, "/api/curve?run=zero", If_None_Match=headers["etag"])
    assert (status, again) == (304, b"") and body


def test_the_page_names_no_other_place_and_builds_no_markup() -> None:
    for file in _PAGE.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "//cdn" not in text, file.name
        for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert sink not in text, f"{file.name}: {sink}"
        assert " style=" not in text and " onclick=" not in text, file.name


def test_a_taken_port_and_a_folder_without_a_recipe_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no dvc\.yaml"):
        Server(tmp_path, 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match=r"--port .* choose another"):
            Server(project(tmp_path), taken.getsockname()[1])


def test_the_command_says_where_the_page_is(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-u", "-c", f"from r1.watch.server import watch; watch({port})"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=project(tmp_path), stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"http://127.0.0.1:{port}/")
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= 10
        process.terminate()
