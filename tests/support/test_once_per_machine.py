"""A process's place in a distributed run, and values that the processes of a machine share."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from r1.support.processes import once_per_machine

_RANK = """
import sys, time
from pathlib import Path
from r1.support.processes import once_per_machine

def compute():
    with open("computed", "a") as file:
        file.write("x")
    time.sleep(0.3)
    return {"data/models/base": "abc"}

print(once_per_machine(Path("shared"), sys.argv[1], compute))
"""


def _ranks(folder: Path, keys: list[str]) -> list[str]:
    environment = {**os.environ, "LOCAL_WORLD_SIZE": str(len(keys))}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _RANK, key], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE
        )
        for key in keys
    ]
    return [process.communicate(timeout=60)[0].strip() for process in started]


def test_the_processes_of_a_machine_compute_once(tmp_path: Path) -> None:
    assert set(_ranks(tmp_path, ["same"] * 4)) == {"{'data/models/base': 'abc'}"}
    assert (tmp_path / "computed").read_text() == "x"


def test_a_changed_key_is_computed_again(tmp_path: Path) -> None:
    for key in ("before", "before", "after"):
        _ranks(tmp_path, [key] * 2)
    assert (tmp_path / "computed").read_text() == "xx"


@pytest.mark.parametrize("kept", ["", '{"key": "k", "val', "[]", '{"value": 1}'])
def test_a_damaged_file_is_computed_again(kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    file = tmp_path / f"{socket.gethostname()}.json"
    file.write_text(kept)
    assert once_per_machine(tmp_path, "k", lambda: 7) == 7
    assert json.loads(file.read_text()) == {"key": "k", "value": 7}


def test_a_failure_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(ZeroDivisionError):
        once_per_machine(tmp_path, "k", lambda: 1 // 0)
    assert once_per_machine(tmp_path, "k", lambda: 2) == 2


def test_a_process_alone_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert once_per_machine(tmp_path / "none", "k", lambda: 1) == 1
    assert not (tmp_path / "none").exists()
