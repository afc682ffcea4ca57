"""math-verify in worker processes, each answer with a hard limit of time and of memory.

An answer comes from a model, a gold answer from somebody's file, and sympy may work on either for days. A worker that
exceeds its limits is killed and replaced, its answer is lost, and the caller is told why. Workers are started when
first needed, and serve until this process ends.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any, Literal, NamedTuple, Self

from r1.support.errors import UserError
from r1.tasks import math_worker

CPU_SECONDS = 5.0
"""Of processor time for one answer: what else the machine does makes no difference. Most take some milliseconds."""
WALL_SECONDS = 120.0
"""For one answer, or for a worker to start, whatever keeps it: a loaded machine gives a worker far less than a core."""
MEMORY_BYTES = 512 * 2**20
"""Of address space that an answer may take; at twice as much, allocations fail. A fresh worker has 64 MiB."""
MAX_WORKERS = 8
_MAX_FAILED_STARTS = 3
_CHUNK = 2**16


class WorkersFailed(UserError):
    """No worker comes up, through no fault of an answer."""


class Found(NamedTuple):
    """What a worker says of one request, or why it says nothing."""

    value: Any
    lost: Literal["time", "memory"] | None
    seconds: float


class Pool:
    """Workers, and one at a time who asks them; a thread that comes second waits.

    A forked child has no part in the workers: `forget` them there.
    """

    def __init__(
        self,
        size: int | None = None,
        cpu_seconds: float = CPU_SECONDS,
        wall_seconds: float = WALL_SECONDS,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.size = size or min(MAX_WORKERS, len(os.sched_getaffinity(0)))
        self.cpu_seconds, self.wall_seconds, self.memory_bytes = cpu_seconds, wall_seconds, memory_bytes
        self._begin()

    def _begin(self) -> None:
        self.workers: set[_Worker] = set()
        self.idle: list[_Worker] = []
        self.replaced = 0
        self.lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, requests: Sequence[Sequence[str]]) -> list[Found]:
        """What is found of each request, see r1/tasks/math_worker.py, in their order.

        What is lost otherwise than by time is asked again, once, of a new worker: neither what a worker did before nor
        who killed it decides about an answer.

        Raises:
            WorkersFailed: if workers do not start.
        """
        found: dict[int, Found] = {}
        waiting = deque(range(len(requests)))
        working: dict[_Worker, int] = {}
        again: set[int] = set()
        failed_starts = 0
        with self.lock:
            try:
                while waiting or working:
                    while waiting and len(working) < self.size:
                        index = waiting.popleft()
                        worker = self._start() if index in again or not self.idle else self.idle.pop()
                        working[worker] = index
                        worker.send(requests[index])
                    deadline = min(worker.since for worker in working) + self.wall_seconds
                    wait([worker.reader.fileno() for worker in working], max(0.0, deadline - time.monotonic()))
                    for worker, index in list(working.items()):
                        result = worker.receive(self.wall_seconds, self.memory_bytes)
                        if result is None:
                            continue
                        del working[worker]
                        if result.lost is None:
                            self.idle.append(worker)
                        else:
                            self._end(worker)
                            self.replaced += 1
                        failed_starts = 0 if worker.ready else failed_starts + 1
                        if failed_starts == _MAX_FAILED_STARTS:
                            raise WorkersFailed(
                                f"no worker for mathematics comes up: `{' '.join(worker.command)}` ended with "
                                f"{worker.process.returncode} or took {self.wall_seconds:g} s"
                            )
                        if not worker.ready:
                            waiting.appendleft(index)
                        elif result.lost == "memory" and index not in again:
                            again.add(index)
                            waiting.appendleft(index)
                        else:
                            found[index] = result
            finally:  # an interrupted caller must not leave replies to the next one
                for worker in working:
                    self._end(worker)
        return [found[index] for index in range(len(requests))]

    def close(self) -> None:
        """End all workers; the next request starts new ones."""
        for worker in list(self.workers):
            self._end(worker)
        self.idle.clear()

    def forget(self) -> None:
        """Let go of the workers, which are another process's children."""
        for worker in self.workers:
            worker.let_go()
        self._begin()

    def _start(self) -> "_Worker":
        worker = _Worker(self.cpu_seconds, 2 * self.memory_bytes)
        self.workers.add(worker)
        return worker

    def _end(self, worker: "_Worker") -> None:
        self.workers.discard(worker)
        worker.close()


class _Worker:
    def __init__(self, cpu_seconds: float, memory_bytes: int) -> None:
        # -P: beside the program lie modules of ours, one of them named `code`.
        self.command = [sys.executable, "-P", math_worker.__file__, str(cpu_seconds), str(memory_bytes)]
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONHASHSEED": "0"},  # sympy orders terms by hash here and there
            start_new_session=True,  # Ctrl-C is for this process, which then ends its workers
        )
        assert self.process.stdin and self.process.stdout
        self.writer, self.reader = self.process.stdin, self.process.stdout
        self.ready = False
        self.since = time.monotonic()
        self.buffer = b""

    def send(self, request: Sequence[str]) -> None:
        self.since = time.monotonic()
        with suppress(BrokenPipeError):  # it is gone, as will be seen
            self.writer.write(json.dumps(request).encode() + b"\n")

    def receive(self, wall_seconds: float, memory_bytes: int) -> Found | None:
        """What it found or how it got lost; None if it is still working."""
        ended = False
        if wait([self.reader.fileno()], 0):
            chunk = os.read(self.reader.fileno(), _CHUNK)
            ended = not chunk
            self.buffer += chunk
        if not self.ready and self.buffer:
            self.ready, self.buffer, self.since = True, self.buffer[1:], time.monotonic()
        seconds = time.monotonic() - self.since
        if self.buffer.endswith(b"\n"):
            value, peak = json.loads(self.buffer)
            self.buffer = b""
            return Found(None, "memory", seconds) if peak > memory_bytes else Found(value, None, seconds)
        if ended:
            return Found(None, "time" if self.process.wait() == -signal.SIGPROF else "memory", seconds)
        return Found(None, "time", seconds) if seconds > wall_seconds else None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.let_go()

    def let_go(self) -> None:
        for pipe in (self.writer, self.reader):
            pipe.close()
        self.process.returncode = self.process.returncode or 0  # or a forked child would look for it


POOL = Pool()
"""This process's workers."""

atexit.register(POOL.close)
os.register_at_fork(after_in_child=POOL.forget)
