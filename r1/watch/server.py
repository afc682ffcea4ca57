"""The page's server: on the loopback only, for reading only, from the standard library."""

import hashlib
import json
import os
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from r1.support.errors import UserError
from r1.watch.rollouts import Query, Rollouts
from r1.watch.state import Project

LOOPBACK = "127.0.0.1"
_HOSTS = (LOOPBACK, "localhost")
_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_LOW_PRIORITY = 10
_MOST_ROWS = 100
Values = dict[str, str]


class CannotWatch(UserError):
    """The port is taken, or the folder has no dvc.yaml."""


class NotANumber(ValueError):
    """A value of the query must be one."""


class Server(ThreadingHTTPServer):
    """Serves one project's page.

    Attributes:
        files: the page's own files by path; nothing else of the disk can be asked for by name.
        answers: functions of the query's values by path; None is "not found".
    """

    daemon_threads = True

    def __init__(self, root: Path, port: int) -> None:
        """Args: the project's folder; a port on the loopback, 0 for any free one.

        Raises:
            CannotWatch: if the port cannot be had, or there is no project.
        """
        if not (root / "dvc.yaml").is_file():
            raise CannotWatch(f"{root.resolve()} has no dvc.yaml: run `python -m r1 watch` in the project's folder")
        project, rollouts = Project(root), Rollouts(root)
        self.files = {
            "/" if file.name == "index.html" else f"/{file.name}": (_TYPES[file.suffix], file.read_bytes())
            for file in _PAGE.iterdir()
        }
        self.answers: dict[str, Callable[[Values], Any]] = {
            "/api/state": lambda values: {**project.state(), "rollouts": rollouts.sources()},
            "/api/curve": lambda values: project.curve(values.get("run", "")),
            "/api/rollouts": lambda values: rollouts.find(values.get("source", ""), _query(values)),
            "/api/rollout": lambda values: rollouts.whole(
                values.get("source", ""), values.get("piece", ""), _number(values, "row", -1)
            ),
        }
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise CannotWatch(f"--port {port}: {error.strerror}; choose another") from error

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "r1", ""
    timeout = 60

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").rpartition(":")
        if (host[0] or host[2]) not in _HOSTS:  # a foreign name that resolves to this machine: DNS rebinding
            self._send(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", b"this page is only for this machine\n")
            return
        asked = urlsplit(self.path)
        if asked.path in self.server.files:
            self._send(HTTPStatus.OK, *self.server.files[asked.path])
            return
        answer = self.server.answers.get(asked.path)
        try:
            values = {name: given[-1] for name, given in parse_qs(asked.query).items()}
            found = answer(values) if answer else None
        except NotANumber as error:
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", f"{error}\n".encode())
            return
        except Exception as error:  # a file is not as its stage or DVC writes it, in as many ways as there are
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", f"{type(error).__name__}: {error}\n".encode())
            return
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")
            return
        self._send(HTTPStatus.OK, "application/json", json.dumps(found, allow_nan=False).encode())

    def do_POST(self) -> None:
        self.close_connection = True  # its body is not read
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"GET only\n")

    do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a page asks every few seconds."""

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if status == HTTPStatus.OK and self.headers.get("If-None-Match") == tag:
            status, body = HTTPStatus.NOT_MODIFIED, b""
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("ETag", tag)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def watch(port: int) -> None:
    """Serve the page of the project in the current folder until Ctrl-C, at a low priority.

    Raises:
        CannotWatch: if the port is taken, or this is no project's folder.
    """
    with Server(Path(), port) as server:
        os.nice(_LOW_PRIORITY)  # training comes first
        print(f"{server.address}   (this machine only; Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def _query(values: Values) -> Query:
    return Query(
        _number(values, "step", 0) if values.get("step") else None,
        values.get("family", ""),
        values.get("text", ""),
        values.get("order", "newest"),
        max(0, _number(values, "start", 0)),
        min(_MOST_ROWS, max(1, _number(values, "count", 20))),
    )


def _number(values: Values, name: str, default: int) -> int:
    text = values.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise NotANumber(f"{name} = {text!r}: a number is expected") from None
