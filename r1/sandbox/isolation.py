"""What a sandboxed process can see and do: bubblewrap's namespaces, and resource limits.

Of the host it sees only this Python, its standard library and the system's shared libraries, all read-only. It has no
network, no /proc, no environment and sees no other processes; it can write only to a small tmpfs.
r1/sandbox/seccomp.py refuses dangerous system calls that it does not need.
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from r1.support.errors import UserError

_MIB = 2**20
_NOBODY = "65534"
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
_PREFIX = Path(sys.base_prefix)
_PYTHON = str(_PREFIX / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
_OURS = (_PYTHON, str(_PREFIX / "lib"))


@dataclass(frozen=True)
class Limits:
    """Limits of one sandbox. All its processes together use at most `processes * memory_bytes + scratch_bytes`.

    Kernel buffers of their pipes and sockets come on top. The bound relies on r1/sandbox/seccomp.py, which refuses
    memory outside any process's address space (System V segments, memfd); with sandbox=none it does not apply.

    Attributes:
        wall_seconds: of one verification, startup excluded; afterwards everything in the sandbox is killed.
        start_seconds: for startup; exceeding it is not counted as a failure of the code.
        cpu_seconds: per process.
        memory_bytes: address space per process.
        processes: number of processes and threads, including the first.
        file_bytes: per file.
        open_files: per process.
        scratch_bytes: size of the writable folder.
        message_bytes: per call or result.
    """

    wall_seconds: float = 10
    start_seconds: float = 30
    cpu_seconds: int = 5
    memory_bytes: int = 512 * _MIB
    processes: int = 8
    file_bytes: int = 4 * _MIB
    open_files: int = 32
    scratch_bytes: int = 16 * _MIB
    message_bytes: int = 4 * _MIB

    @property
    def rlimits(self) -> dict[str, int]:
        """The limits that the kernel enforces per process, by their name in `resource`.

        RLIMIT_NPROC, if set inside a user namespace, counts per namespace (Linux 5.14): sandboxes do not share it.
        """
        return {
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_AS": self.memory_bytes,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_CORE": 0,
        }


class SandboxUnavailable(UserError):
    """The isolation tool is missing or does not work on this machine."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"model-written code cannot be sandboxed: {reason}\n"
            "  install bubblewrap (`apt install bubblewrap`) and allow it to create user namespaces, "
            "or set sandbox=none to run the code without isolation"
        )


def isolated(python: list[str], limits: Limits, info_fd: int, filter_fd: int) -> list[str]:
    """The command that runs Python under bubblewrap.

    If we are root, it first drops to nobody, since neither RLIMIT_NPROC nor file permissions apply to root.

    Args:
        python: Python's arguments.
        limits: for the size of the scratch folder.
        info_fd: file descriptor to which bubblewrap writes the sandbox's process id, as JSON.
        filter_fd: file descriptor from which bubblewrap reads the system call filter.

    Raises:
        SandboxUnavailable: if a tool is missing.
    """
    root = os.geteuid() == 0
    closed = _closed_to_nobody() if root else None
    sources = {path: path.replace(str(_PREFIX), str(closed or _PREFIX), 1) for path in _OURS}
    sources |= {path: path for path in _SYSTEM}
    binds = [part for path, source in sources.items() for part in ("--ro-bind-try", source, path)]
    return [
        *(_as_nobody(closed) if root else []),
        *(_tool("bwrap"), "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
        *("--as-pid-1", "--die-with-parent", "--new-session", "--hostname", "sandbox", "--info-fd", str(info_fd)),
        *("--seccomp", str(filter_fd)),
        *(*binds, "--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/urandom", "/dev/urandom"),
        *("--size", str(limits.scratch_bytes), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/"),
        *("--", _PYTHON, *python),
    ]


def exposed(python: list[str]) -> list[str]:
    """The command that runs Python without isolation."""
    return [_PYTHON, *python]


def _closed_to_nobody() -> Path | None:
    """The topmost folder on the path to this Python that only its owner may enter, such as /root."""
    return next((folder for folder in reversed(_PREFIX.parents) if not folder.stat().st_mode & 0o001), None)


def _as_nobody(closed: Path | None) -> list[str]:
    """Command prefix with which root runs a command as nobody, who sees this Python's prefix mounted at `closed`.

    We do not use subprocess's `user=`, which forks the trainer in full (84 ms at 4 GiB, instead of 1).
    """
    drop = [_tool("setpriv"), f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--pdeathsig", "KILL", "--"]
    if closed is None:
        return drop
    shown = ["--dev-bind", "/", "/", "--ro-bind", str(_PREFIX), str(closed)]
    return [_tool("bwrap"), *shown, "--die-with-parent", "--", *drop]


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise SandboxUnavailable(f"`{name}` is not installed")
    return path
