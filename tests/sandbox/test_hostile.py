"""Nothing that a model may write scores, escapes, hangs or stays behind. Needs bubblewrap, and fails without."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from r1.sandbox import process
from r1.sandbox.examine import CodeProblem, passes
from r1.sandbox.isolation import Limits
from tests.sandbox.hostile import ADDITION, ESCAPES, HOGS, LIES, Host

pytestmark = pytest.mark.slow

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


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host(tmp_path_factory.mktemp("host"))
    monkeypatch.setenv("SECRET", "SECRET")
    monkeypatch.setattr(process, "_PROGRAM", f"{process._PROGRAM}# {host.mark}\n")
    with host.listener:
        yield host


@pytest.mark.parametrize("code", ESCAPES.values(), ids=ESCAPES)
def test_there_is_no_way_out(code: str, host: Host) -> None:
    assert not passes(host.aim(code), ADDITION, IMPATIENT)
    assert not host.harm()


@pytest.mark.parametrize("problem", [ADDITION, LOOSE], ids=["asserts", "loose"])
@pytest.mark.parametrize("code", LIES.values(), ids=LIES)
def test_no_lie_is_believed(code: str, problem: CodeProblem, host: Host) -> None:
    assert not passes(host.aim(code), problem, IMPATIENT)
    assert not host.harm()


@pytest.mark.parametrize("code", HOGS.values(), ids=HOGS)
def test_nothing_takes_more_than_its_share(code: str, host: Host) -> None:
    started = time.monotonic()
    assert not passes(code, ADDITION, IMPATIENT)
    assert time.monotonic() - started < 3 * IMPATIENT.wall_seconds
    assert not host.harm()


def test_the_attempts_are_real(host: Host) -> None:
    """Without a sandbox some of them succeed, so that their failure above means something."""
    for name in (
        *("read-passwd", "read-the-canary", "tcp-to-loopback", "overwrite-the-canary"),
        *("system-v-shared-memory", "memory-file", "gift-pages-to-a-pipe"),
    ):
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
