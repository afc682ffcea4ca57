"""What a sandboxed process may see and do: bubblewrap's namespaces, and limits on what it takes.

Of the host it sees this Python, its standard library and the system's shared libraries, all read-only.
No network, no processes but its own, no /proc, no environment; the only place to write is a small tmpfs. Of the
system calls it has no use for, r1/sandbox/seccomp.py refuses those that could harm.
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
    """Of one sandbox. All its processes together hold at most `processes * memory_bytes + scratch_bytes`.

    Plus what the kernel buffers for their pipes and sockets. It is a bound only because r1/sandbox/seccomp.py refuses
    memory that is no process' address space: System V segments, memfd; with sandbox=none it does not hold.

    Attributes:
        wall_seconds: of a whole verification, starts excepted; then everything in the sandbox is killed.
        start_seconds: in which a sandbox must be up; it fails through no fault of the code's.
        cpu_seconds: of one process.
        memory_bytes: address space of one process.
        processes: and threads, the first included.
        file_bytes: of one file.
        open_files: of one process.
        scratch_bytes: of the folder it may write into.
        message_bytes: of one call or result.
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
        """Those that the kernel keeps process by process, by their name in `resource`.

        RLIMIT_NPROC counts per user namespace, if set within it (Linux 5.14): sandboxes do not share it.
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
    """The isolation tool is missing, or does not work here."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"model-written code cannot be sandboxed: {reason}\n"
            "  install bubblewrap (`apt install bubblewrap`) and let it make user namespaces, "
            "or set sandbox=none to run the code without isolation"
        )


def isolated(python: list[str], limits: Limits, info_fd: int, filter_fd: int) -> list[str]:
    """The command that runs Python under bubblewrap.

    As root it first becomes nobody, since RLIMIT_NPROC does not bind root, and neither do file permissions.

    Args:
        python: Python's arguments.
        limits: gives the size of the scratch folder.
        info_fd: where bubblewrap writes the process id of the sandbox, as JSON.
        filter_fd: from which bubblewrap reads the filter of system calls.

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
    """The same without isolation."""
    return [_PYTHON, *python]


def _closed_to_nobody() -> Path | None:
    """The first folder on the way to this Python that only its owner may enter, such as /root."""
    return next((folder for folder in reversed(_PREFIX.parents) if not folder.stat().st_mode & 0o001), None)


def _as_nobody(closed: Path | None) -> list[str]:
    """The start of a command that root runs as nobody, who finds this Python's prefix in the place of `closed`.

    Not subprocess' `user=`, which forks the whole trainer (84 ms at 4 GiB, instead of 1).
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
