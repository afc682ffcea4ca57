"""Sampling at scale: Ray Data hands pieces of the prompts to replicas of the vLLM engine, on one machine or many.

The replicas are our own sampler as Ray Data's actors, on CPU and GPU alike. Ray's LLM layer (ray.data.llm, Ray 2.60) is
not used: it asks for a GPU per replica and waits for it without end where there is none, is released against another
vLLM (0.29) than TRL and we are, and seeds no piece. So a piece has the same completions whichever replica draws it, and
the same as the engine in this process would draw of pieces of that size.
"""

import json
import logging
import os
import secrets
import socket
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from r1.config.sampling import RayEngineConfig, SamplingConfig
from r1.models.policy import Policy
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler, check_context, pieces
from r1.sampling.versions import check_versions
from r1.sampling.vllm_engine import VllmSampler
from r1.support.errors import UserError
from r1.support.progress import track

PROJECT = Path(__file__).resolve().parents[2]
RESTARTS = 2
"""Of a replica that died, and further tries of a piece: a machine may be lost, but what always dies would by Ray Data's
default be tried for ever."""


class ReplicaError(UserError):
    """Replicas that cannot be placed, started or kept alive."""


class RaySampler(Sampler):
    """Replicas of the vLLM engine; a piece goes to whichever is free."""

    name = "ray"

    def __init__(self, policy: Policy, engine: RayEngineConfig) -> None:
        """Start Ray, or join the cluster; the replicas start when they are first needed.

        Raises:
            UserError: if Ray is not installed, the cluster does not answer, or has too few GPUs.
        """
        check_versions()
        self.source = f"ray:{policy.directory}"
        self.engine, self.policy = engine, policy
        self.resources = _start(engine)

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler; pieces come back in the order in which they are finished.

        Raises:
            ReplicaError: if a replica does not start, or dies again and again.
        """
        import ray

        prompts = self.policy.prompt_ids(conversations)
        check_context(conversations, prompts, sampling.max_new_tokens, self.policy.context_length)
        size = max(1, self.engine.chunk_size // sampling.num_samples)
        rows = [
            {"number": number, "piece": list(piece), "prompts": [prompts[index] for index in piece]}
            for number, piece in pieces(range(len(prompts)), size, done)
        ]
        drawn = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            Replica,
            fn_constructor_kwargs={
                "model": str(self.policy.directory.resolve()),
                "engine": self.engine,
                "sampling": sampling,
                "seed": seed,
            },
            compute=ray.data.ActorPoolStrategy(
                size=min(self.engine.replicas, len(rows)), max_tasks_in_flight_per_actor=2
            ),
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
            **self.resources,
        )
        try:
            for row in track(drawn.iter_rows(), "sampling", "piece"):
                completions = [[Completion(*values) for values in of_one] for of_one in json.loads(row["completions"])]
                yield dict(zip(row["piece"], completions, strict=True))
        except ray.exceptions.RayError as error:
            raise ReplicaError(f"a replica failed: {_cause(error)}") from error


class Replica:
    """One engine in a process of Ray's, on the node where Ray placed it."""

    def __init__(self, model: str, engine: RayEngineConfig, sampling: SamplingConfig, seed: int) -> None:
        """Args: an absolute path; how the engine runs; how is drawn; the seed of the whole.

        Raises:
            UserError: if the node does not have the model.
        """
        if not Path(model).is_dir():
            raise UserError(
                f"{model} is not there on node {os.uname().nodename}: every node must reach the project under the same "
                "path, on a shared file system"
            )
        self.sampler = VllmSampler(Policy(Path(model)), engine, show_progress=False)
        self.sampling, self.seed = sampling, seed

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Draw a piece; completions travel as JSON."""
        piece, prompts = ([*row["piece"]], [[*prompt] for prompt in row["prompts"]])
        drawn = self.sampler.draw_piece(row["number"], piece, prompts, self.sampling, self.seed)
        return {"piece": piece, "completions": json.dumps([[astuple(one) for one in of_one] for of_one in drawn])}


def _start(engine: RayEngineConfig) -> dict[str, int]:
    """Start Ray or join a cluster: what Ray is to reserve for a replica."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    where: dict[str, Any] = {"address": engine.address}
    if engine.address is None:
        where = {"address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        # Some of Ray's ports listen on every interface all the same. By default it asks a caller for a token, which it
        # would take from a file in the home directory; ours is of this run alone. Ray reads it when it is imported.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ModuleNotFoundError:
        raise ReplicaError("Ray is not installed: install the extra `ray`, or choose engine vllm") from None

    if not ray.is_initialized():
        try:
            if engine.address not in (None, "auto"):  # Ray itself would knock for minutes
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

    there = ray.cluster_resources()
    wanted = engine.replicas * engine.tensor_parallel_size
    gpus = int(there.get("GPU", 0))
    if gpus == 0:  # vLLM's CPU build binds a replica to a core
        wanted, unit, many = engine.replicas, "CPU", int(there.get("CPU", 0))
    else:
        unit, many = "GPU", gpus
    if many < wanted:  # Ray would wait for them without end
        raise ReplicaError(
            f"replicas = {engine.replicas} need {wanted} {unit}s, Ray has {many}: lower it, or add nodes"
        )
    return {"num_cpus": 1} if unit == "CPU" else {"num_gpus": engine.tensor_parallel_size}


def _environment() -> dict[str, str]:
    """For the replicas' processes: where this project is, and what a stage has set for the libraries it imports."""
    names = (
        "HF_HUB_OFFLINE",
        "HF_HUB_DISABLE_TELEMETRY",
        "VLLM_NO_USAGE_STATS",
        "DO_NOT_TRACK",
        "TOKENIZERS_PARALLELISM",
    )
    stage = {name: os.environ[name] for name in names if name in os.environ}
    # vLLM's CPU build would bind every replica of a machine to the same core.
    return {"PYTHONPATH": str(PROJECT), "VLLM_CPU_OMP_THREADS_BIND": "nobind", **stage}


def _cause(error: BaseException) -> str:
    """The last line of what Ray says, which is the error itself."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1][:500]
