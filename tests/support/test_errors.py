"""What a user can act on is one message, and says what to do."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from r1.support.errors import DiskFull, UserError, reported, room_on


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("say so"), "error: say so"),
        (OSError(errno.ENOSPC, "No space left on device", "data/sft"), "no space left for data/sft: nothing half-writ"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "data/sft"), "no space left for data/sft"),
        (OSError(errno.EROFS, "Read-only file system", "data/sft"), "data/sft cannot be used (Read-only file sys"),
        (PermissionError(errno.EACCES, "Permission denied", "data/sft"), "fix that, then run `dvc repro`"),
        (KeyboardInterrupt(), "interrupted: nothing half-written is left"),
    ],
)
def test_the_message_says_what_to_do(error: BaseException, message: str) -> None:
    with pytest.raises(SystemExit) as stopped, reported():
        raise error
    assert message in str(stopped.value.code)


@pytest.mark.parametrize("error", [ValueError("ours"), OSError(errno.EPERM, "Operation not permitted")])
def test_our_own_mistakes_keep_their_stack_trace(error: Exception) -> None:
    with pytest.raises(type(error)), reported():
        raise error


def test_a_failure_on_a_disk_with_room_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError), room_on(tmp_path):
        raise ValueError


def test_whatever_a_library_says_a_full_disk_is_named(tmp_path: Path) -> None:
    """A real one: a small tmpfs in a namespace of its own, and a writer that wraps the error in one of its own."""
    code = (
        "import sys; from pathlib import Path; from r1.support.artifacts import write_aside\n"
        "from r1.support.errors import reported\n"
        "def write(path):\n"
        "    try: path.write_bytes(bytes(2**20))\n"
        "    except OSError: raise RuntimeError('serialization failed') from None\n"
        "with reported(), write_aside(Path(sys.argv[1], 'zero')) as aside: write(aside / 'model')\n"
    )
    script = f'mount -t tmpfs -o size=64k none {tmp_path} && {sys.executable} -c "$0" {tmp_path}; ls -A {tmp_path}'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, code]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."}, check=False)
    assert ended.stderr.startswith("error: no space left for ")
    assert "Traceback" not in ended.stderr
    assert ended.stdout == "", "something half-written was left"


def test_a_full_disk_does_not_hide_a_message_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": 0}))

    def fail(error: Exception) -> NoReturn:
        raise error

    with pytest.raises(UserError, match="say so"), room_on(tmp_path):
        fail(UserError("say so"))
    with pytest.raises(DiskFull), room_on(tmp_path):
        fail(RuntimeError("serialization failed"))
