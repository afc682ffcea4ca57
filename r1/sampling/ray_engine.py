"""Sampling at scale: Ray Data sends chunks of prompts to replicas of the vLLM engine, on one or more machines.

The replicas are our own sampler in Ray Data's actors, on CPU and GPU alike. A chunk gets the same completions whichever
replica draws it, and the same as the in-process engine with that chunk size. We do not use Ray's LLM layer
(ray.data.llm, Ray 2.60): it reserves a GPU per replica and waits forever where there is none, is released for another
vLLM (0.29) than TRL and we use, and does not seed chunks.
"""

import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from r1.config.sampling import RayEngineConfig, SamplingConfig
from r1.models.policy import Policy
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler, chunks, within_context
from r1.sampling.versions import check_versions
from r1.sampling.vllm_engine import OVERLAPPING, VllmSampler
from r1.support.errors import UserError
from r1.support.progress import track

PROJECT = Path(__file__).resolve().parents[2]
RESTARTS = 2
"""Restarts of a dead replica and retries of a chunk: a machine may be lost, but by default Ray Data retries forever."""


class ReplicaError(UserError):
    """Replicas cannot be placed, started or kept alive."""


@dataclass(frozen=True)
class Drawing:
    """When a replica drew a chunk: seconds since the epoch, by that machine's clock."""

    replica: str
    started: float
    ended: float


class RaySampler(Sampler):
    """Replicas of the vLLM engine; a chunk goes to whichever is free.

    Attributes:
        timeline: the chunks drawn so far, in the order in which they finished.
    """

    name = "ray"

    def __init__(self, policy: Policy, engine: RayEngineConfig) -> None:
        """Start Ray, or join the cluster; the replicas start on first use.

        Raises:
            UserError: if Ray is not installed, the cluster does not answer, or it has too few GPUs.
        """
        check_versions()
        self.source = f"ray:{policy.directory}"
        self.engine, self.policy = engine, policy
        self.timeline: list[Drawing] = []
        self.resources = _start(engine)

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler; chunks are yielded in the order in which they finish.

        Raises:
            ReplicaError: if a replica does not start, or dies repeatedly.
        """
        import ray

        prompts = self.policy.prompt_ids(conversations)
        fits, too_long = within_context(prompts, sampling.max_new_tokens, self.policy.context_length)
        if too_long:
            yield too_long
        size = max(1, self.engine.chunk_size // sampling.num_samples)
        rows = [
            {"number": number, "chunk": list(chunk), "prompts": [prompts[index] for index in chunk]}
            for number, chunk in chunks(fits, size, done)
        ]
        if not rows:
            return
        overlapping = 1 if "num_cpus" in self.resources else OVERLAPPING
        drawn = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            Replica,
            fn_constructor_kwargs={
                "model": str(self.policy.directory.resolve()),
                "engine": self.engine,
                "sampling": sampling,
                "seed": seed,
            },
            compute=ray.data.ActorPoolStrategy(
                size=min(self.engine.replicas, len(rows)),
                max_concurrent_calls_per_actor=overlapping,
                enable_true_multi_threading=True,
                max_tasks_in_flight_per_actor=overlapping + 1,  # one waits at the replica, which never waits for Ray
            ),
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
            **self.resources,
        )
        try:
            for row in track(drawn.iter_rows(), "sampling", "chunk"):
                self.timeline.append(Drawing(row["replica"], row["started"], row["ended"]))
                completions = [[Completion(*values) for values in of_one] for of_one in json.loads(row["completions"])]
                yield dict(zip(row["chunk"], completions, strict=True))
        except ray.exceptions.RayError as error:
            raise ReplicaError(f"a replica failed: {_cause(error)}") from error


class Replica:
    """One engine in an actor process, on the node where Ray placed it."""

    def __init__(self, model: str, engine: RayEngineConfig, sampling: SamplingConfig, seed: int) -> None:
        """Args: absolute path of the model; engine and sampling configuration; seed for all conversations together.

        Raises:
            UserError: if the node does not have the model.
        """
        if not Path(model).is_dir():
            raise UserError(
                f"{model} does not exist on node {os.uname().nodename}: every node needs the project at the same path, "
                "on a shared file system"
            )
        self.sampler = VllmSampler(Policy(Path(model)), engine, show_progress=False)
        self.sampling, self.seed = sampling, seed

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Draw a chunk; returns the completions as JSON."""
        started = time.time()
        chunk, prompts = ([*row["chunk"]], [[*prompt] for prompt in row["prompts"]])
        drawn = self.sampler.draw_chunk(row["number"], chunk, prompts, self.sampling, self.seed)
        return {
            "chunk": chunk,
            "completions": json.dumps([[astuple(one) for one in of_one] for of_one in drawn]),
            "replica": f"{os.uname().nodename}:{os.getpid()}",
            "started": started,
            "ended": time.time(),
        }


def _start(engine: RayEngineConfig) -> dict[str, int]:
    """Start Ray or join a cluster; returns the resources that Ray should reserve per replica."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    where: dict[str, Any] = {"address": engine.address}
    if engine.address is None:
        where = {"address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        # Some of Ray's ports still listen on every interface. Ray requires a token from callers, by default from a file
        # in the home directory; ours is for this run only. Ray reads it on import.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ModuleNotFoundError:
        raise ReplicaError("Ray is not installed: install the extra `ray`, or choose engine vllm") from None

    if not ray.is_initialized():
        try:
            if engine.address not in (None, "auto"):  # Ray itself would retry for minutes
                host, _, port = str(engine.address).rpartition(":")
                socket.create_connection((host, int(port)), timeout=10).close()
            ray.init(**where, runtime_env={"env_vars": _environment()}, logging_level=logging.WARNING)
        except (OSError, ValueError, RuntimeError) as error:
            raise ReplicaError(
                f"address = {engine.address!r}: no Ray cluster answers there ({_cause(error)})"
            ) from None
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False

    resources = ray.cluster_resources()
    wanted = engine.replicas * engine.tensor_parallel_size
    gpus = int(resources.get("GPU", 0))
    if gpus == 0:  # vLLM's CPU build binds a replica to one core
        wanted, unit, available = engine.replicas, "CPU", int(resources.get("CPU", 0))
    else:
        unit, available = "GPU", gpus
    if available < wanted:  # Ray would wait for them forever
        raise ReplicaError(
            f"replicas = {engine.replicas} need {wanted} {unit}s, Ray has {available}: lower it, or add nodes"
        )
    return {"num_cpus": 1} if unit == "CPU" else {"num_gpus": engine.tensor_parallel_size}


def _environment() -> dict[str, str]:
    """Environment of the replicas: the path of this project, and the stage's settings of its libraries."""
    names = (
        "HF_HUB_OFFLINE",
        "HF_HUB_DISABLE_TELEMETRY",
        "VLLM_NO_USAGE_STATS",
        "DO_NOT_TRACK",
        "TOKENIZERS_PARALLELISM",
    )
    stage = {name: os.environ[name] for name in names if name in os.environ}
    # Otherwise vLLM's CPU build binds all replicas of a machine to the same core.
    return {"PYTHONPATH": str(PROJECT), "VLLM_CPU_OMP_THREADS_BIND": "nobind", **stage}


def _cause(error: BaseException) -> str:
    """The last line of Ray's message, which is the error itself."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1][:500]
