"""Which stages run at this moment on this machine: DVC's own lock says, and so do the processes."""

import json
import os
import time
from pathlib import Path
from typing import Any

from r1.watch.files import Cache
from r1.watch.graph import Stage

_PROC = Path("/proc")
_FRESH = 15
"""Seconds since its last file within which a run without a process here counts as running: elsewhere, on a cluster."""


class Activity:
    """Tells which stages run."""

    def __init__(self, root: Path) -> None:
        """Args: the project's folder."""
        self.root = root.resolve()
        self._locks: Cache[dict[str, Any]] = Cache(1)

    def running(self, stages: list[Stage]) -> set[str]:
        """Names of the stages that run. Processes are looked at only if DVC's lock names no stage."""
        return self._locked(stages) or {
            stage.name
            for command in self._commands()
            for stage in stages
            if stage.command and set(stage.command) <= set(command)
        }

    def _locked(self, stages: list[Stage]) -> set[str]:
        """Stages whose outputs a living DVC process has locked for writing; a killed one leaves its entries behind."""
        file = self.root / ".dvc" / "tmp" / "rwlock"
        try:
            held = self._locks.get(file, lambda: dict(json.loads(file.read_text()).get("write", {}))) or {}
        except (ValueError, AttributeError, OSError):  # DVC rewrites it in place
            return set()
        alive = {
            path for path, owner in held.items() if isinstance(owner, dict) and self._is_dvc(int(owner.get("pid", 0)))
        }
        return {stage.name for stage in stages if any(str(self.root / out) in alive for out in stage.written)}

    def _is_dvc(self, pid: int) -> bool:
        return any("dvc" in word for word in _command(pid))

    def _commands(self) -> list[list[str]]:
        """Command lines of the processes in the project's folder that name a stage's script."""
        found = []
        for entry in _PROC.iterdir() if _PROC.is_dir() else ():
            command = _command(int(entry.name)) if entry.name.isdecimal() else []
            if any(word.startswith("stages/") for word in command):
                try:
                    if Path(os.readlink(entry / "cwd")) == self.root:
                        found.append(command)
                except OSError:  # it has ended, or is another user's
                    continue
        return found


def is_fresh(written: float) -> bool:
    """Whether a run's newest file, by its time in seconds, is so new that something must be writing."""
    return time.time() - written < _FRESH


def _command(pid: int) -> list[str]:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
