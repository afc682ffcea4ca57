"""Nothing that a model may write scores, escapes, hangs or stays behind. Needs bubblewrap, and fails without."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from r1.sandbox import process
from r1.sandbox.examine import CodeProblem, passes
from r1.sandbox.isolation import Limits
from tests.sandbox.hostile import ESCAPES, HOGS, LIES

ADDITION = CodeProblem(
    prompt="",
    entry_point="f",
    tests="def check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(5, 6) == 11\n",
)
LOOSE = CodeProblem(
    prompt="",
    entry_point="f",
    tests=(
        "def check(candidate):\n"
        "    for result, right in zip(map(candidate, [1, 5], [2, 6]), [3, 11]):\n"
        "        assert result == right\n"
    ),
)
"""Tests that a StopIteration would end before anything is asserted."""
IMPATIENT = Limits(wall_seconds=3, cpu_seconds=1)


class Host:
    """What hostile code must not reach."""

    def __init__(self, folder: Path) -> None:
        self.mark = uuid4().hex
        self.canary = folder / "canary"
        self.canary.write_text("alive")
        folder.chmod(0o777)
        self.canary.chmod(0o666)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)

    def aim(self, code: str) -> str:
        for name, value in (
            ("{port}", self.listener.getsockname()[1]),
            ("{canary}", self.canary),
            ("{pid}", os.getpid()),
        ):
            code = code.replace(name, str(value))
        return code

    def assert_unharmed(self) -> None:
        assert self.canary.read_text() == "alive"
        assert os.listdir(self.canary.parent) == ["canary"]
        with pytest.raises(BlockingIOError):
            self.listener.accept()
        assert not self.left_behind()

    def left_behind(self) -> list[str]:
        """Processes that have this test's mark on their command line, as bubblewrap, the driver and its forks do."""
        found = []
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if self.mark.encode() in command.read_bytes():
                    found.append(command.parent.name)
        return found


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host"))
    monkeypatch.setenv("SECRET", "SECRET")
    monkeypatch.setattr(process, "_PROGRAM", f"{process._PROGRAM}# {host.mark}\n")
    yield host
    host.listener.close()


@pytest.mark.parametrize("code", ESCAPES.values(), ids=ESCAPES)
def test_there_is_no_way_out(code: str, host: Host) -> None:
    assert not passes(host.aim(code), ADDITION, IMPATIENT)
    host.assert_unharmed()


@pytest.mark.parametrize("problem", [ADDITION, LOOSE], ids=["asserts", "loose"])
@pytest.mark.parametrize("code", LIES.values(), ids=LIES)
def test_no_lie_is_believed(code: str, problem: CodeProblem, host: Host) -> None:
    assert not passes(host.aim(code), problem, IMPATIENT)
    host.assert_unharmed()


@pytest.mark.parametrize("code", HOGS.values(), ids=HOGS)
def test_nothing_takes_more_than_its_share(code: str, host: Host) -> None:
    started = time.monotonic()
    assert not passes(code, ADDITION, IMPATIENT)
    assert time.monotonic() - started < 3 * IMPATIENT.wall_seconds
    host.assert_unharmed()


def test_the_attempts_are_real(host: Host) -> None:
    """Without a sandbox some of them succeed, so that their failure above means something."""
    for name in ("read-passwd", "read-the-canary", "tcp-to-loopback", "overwrite-the-canary"):
        space: dict[str, object] = {}
        exec(host.aim(ESCAPES[name]), space)
        assert space["won"], name


def test_what_is_left_behind_would_be_seen(host: Host) -> None:
    with process.Sandboxed("candidate", Limits()):
        assert len(host.left_behind()) >= 2
    assert not host.left_behind()


def test_parallel_sandboxes_do_not_share_their_limit_of_processes() -> None:
    fork_four = (
        "import os, time\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n        time.sleep(5)\n        os._exit(0)\n"
        "time.sleep(1)\n"
        "def f(a, b): return a + b\n"
    )
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: passes(fork_four, ADDITION), range(4))) == [True] * 4
