"""A sandboxed process, and messages to and from it that are bounded in size and time."""

import json
import os
import select
import signal
import subprocess
import time
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Self

from r1.config.recipe import SandboxPolicy
from r1.sandbox import inside, seccomp
from r1.sandbox.isolation import Limits, SandboxUnavailable, exposed, isolated
from r1.support.errors import UserError

_PROGRAM = Path(inside.__file__).read_text()
_CHUNK = 2**16
_END_SECONDS = 5.0

_policy: SandboxPolicy = "bubblewrap"


class SandboxFailed(UserError):
    """A sandbox failed to start; the code it should run is not to blame."""


class ProcessFailed(Exception):
    """The process ended, ran out of time, or wrote too much before it sent a message."""


class MessageTooLong(ProcessFailed):
    """A message exceeded the size limit."""


def set_policy(policy: SandboxPolicy) -> None:
    """Set how this process runs model-written code; `none` warns."""
    global _policy
    _policy = policy
    if policy == "none":
        warnings.warn("sandbox=none: model-written code runs WITHOUT isolation, as this user", stacklevel=2)


def require_sandbox() -> None:
    """Check that sandboxes work on this machine.

    Raises:
        SandboxUnavailable: if they do not.
    """
    _require_policy(_policy)


@cache
def _require_policy(policy: SandboxPolicy) -> None:
    try:
        with Sandboxed("candidate", Limits()):
            pass
    except SandboxFailed as error:
        raise SandboxUnavailable(str(error)) from None


class Sandboxed:
    """A process that runs r1/sandbox/inside.py in one of its roles; leaving the block kills everything it started.

    Raises:
        SandboxFailed: if it does not start.
        SandboxUnavailable: if the isolation tool is missing.
    """

    def __init__(self, role: Literal["candidate", "examiner"], limits: Limits) -> None:
        self.limits = limits
        self.deadline = time.monotonic() + limits.start_seconds
        self.buffer = b""
        self.scratch = TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True) if _policy == "none" else None
        python = ["-I", "-S", "-X", "utf8", "-c", _PROGRAM, role, json.dumps(limits.rlimits)]
        reader, writer = os.pipe()
        passed = [writer]
        try:
            if self.scratch is None:
                passed.append(seccomp.open_filter(os.uname().machine))
            self.process = subprocess.Popen(
                exposed(python) if self.scratch else isolated(python, limits, *passed),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self.scratch.name if self.scratch else "/",
                env={},
                pass_fds=passed,
                start_new_session=True,
            )
        except BaseException as error:
            os.close(reader)
            if isinstance(error, OSError):
                raise SandboxFailed(f"the sandbox could not be started: {error}") from error
            raise
        finally:
            for descriptor in passed:
                os.close(descriptor)
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr
        for pipe in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(pipe.fileno(), False)
        self.first: int | None = None
        try:
            self.receive()
            if self.scratch is None:  # read before the code runs, so it is from bubblewrap
                self.first = json.loads(os.read(reader, _CHUNK))["child-pid"]
        except ProcessFailed:
            said = (self.stderr.read(_CHUNK) or b"").decode(errors="replace").strip()
            self.close()
            raise SandboxFailed(f"the sandbox failed to start: {said or 'no message'}") from None
        finally:
            os.close(reader)
        self.deadline = time.monotonic() + limits.wall_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, line: bytes) -> None:
        """Write one line.

        Raises:
            ProcessFailed: if the process does not read it in time.
        """
        rest = memoryview(line)
        while rest:
            self._wait(self.stdin.fileno(), select.POLLOUT)
            try:
                rest = rest[os.write(self.stdin.fileno(), rest) :]
            except OSError:
                raise ProcessFailed from None

    def receive(self) -> bytes:
        """Read one line, including its newline.

        Raises:
            ProcessFailed: if none arrives in time.
            MessageTooLong: if it exceeds `message_bytes`.
        """
        while b"\n" not in self.buffer:
            if len(self.buffer) > self.limits.message_bytes:
                raise MessageTooLong
            self._wait(self.stdout.fileno(), select.POLLIN)
            chunk = os.read(self.stdout.fileno(), _CHUNK)
            if not chunk:
                raise ProcessFailed
            self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def _wait(self, pipe: int, event: int) -> None:
        poll = select.poll()
        poll.register(pipe, event)
        if not poll.poll(max(0.0, self.deadline - time.monotonic()) * 1000):
            raise ProcessFailed

    def close(self) -> None:
        """Kill everything inside, and wait until it has ended."""
        if self.first is not None and self.process.poll() is None:
            # When the first process in the sandbox dies, the kernel kills all others; bubblewrap reaps it and exits.
            # If we killed bubblewrap instead, reaping would fall to init, which in a container may not do it.
            with suppress(ProcessLookupError):
                os.kill(self.first, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_END_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()
        if self.scratch:
            self.scratch.cleanup()
