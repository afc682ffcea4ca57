"""A plan: tokens, FLOPs, memory per device, hours and dollars of each stage."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from r1.config.launcher import Sharding
from r1.config.sampling import ColocatedRolloutConfig, RayEngineConfig
from r1.planning.compute import DecodingReplica, compute_seconds, flops, gather_seconds
from r1.planning.hardware import Device
from r1.planning.memory import (
    BFLOAT16,
    FLOAT32,
    FREE,
    Memory,
    cache_bytes,
    compute_bytes,
    training_memory,
    with_judges,
)
from r1.planning.recipe import JUDGES, Decoding, Stage


@dataclass(frozen=True)
class Cluster:
    """The hardware to plan for: device type, number of devices, sharding strategy."""

    device: Device
    devices: int
    sharding: Sharding

    @property
    def sampling_bytes(self) -> int:
        """Bytes per weight of a model that only samples, as r1/models/loading.py's sampling_dtype."""
        return FLOAT32 if self.device.is_cpu else BFLOAT16

    @property
    def shards(self) -> int:
        """Number of devices over which the training state is sharded."""
        return 1 if self.sharding == "ddp" else self.devices

    @property
    def usable(self) -> float:
        """Usable bytes per device."""
        return self.device.memory * (1 - FREE)


@dataclass(frozen=True)
class Cost:
    """Cost of one stage.

    Attributes:
        generated, trained: tokens; generated ones exclude prompts.
        flops: as the stage's metrics count them, but only the active parameters of a mixture of experts.
        hours: device-hours.
        problem: why the stage cannot run; empty if it can.
    """

    name: str
    generated: float
    trained: float
    flops: float
    memory: Memory
    hours: float
    dollars: float
    problem: str = ""


def plan(stages: Iterable[Stage], cluster: Cluster) -> list[Cost]:
    """Compute the cost of each stage."""
    return [_cost(stage, cluster) for stage in stages]


def _cost(stage: Stage, cluster: Cluster) -> Cost:
    memory = _memory(stage, cluster)
    active, options = stage.shape.active_parameters, stage.training.options if stage.training else None
    per_trained = 6 if options is None or options.lora is None else 4
    # Recomputing activations takes another forward pass, which the metrics do not count.
    again = stage.trained if options is not None and options.gradient_checkpointing else 0.0
    operations = flops(active, stage.scored + again, stage.trained, per_trained)
    seconds = max(compute_seconds(operations, cluster.device, cluster.devices), _gather_seconds(stage, cluster))
    seconds += sum(_decode_seconds(stage, decoding, cluster) for decoding in stage.decodings)
    hours = seconds * cluster.devices / 3600
    return Cost(
        name=stage.name,
        generated=sum(decoding.tokens for decoding in stage.decodings),
        trained=stage.trained,
        flops=flops(active, stage.forward, stage.trained, per_trained),
        memory=memory,
        hours=hours,
        dollars=hours * cluster.device.dollars,
        problem=_problem(stage, memory, cluster),
    )


def _gather_seconds(stage: Stage, cluster: Cluster) -> float:
    if stage.training is None or cluster.shards == 1 or not stage.trained:
        return 0.0
    work = stage.training
    micro_batches = work.examples / (work.sequences * cluster.devices)
    scorings = stage.scored / stage.trained
    number = compute_bytes(work.options)
    return gather_seconds(stage.shape.parameters, micro_batches, number, scorings, cluster.device, cluster.devices)


def _memory(stage: Stage, cluster: Cluster) -> Memory:
    shape = stage.shape
    if stage.training is None:
        memory = Memory(weights=shape.parameters * cluster.sampling_bytes)
    else:
        work = stage.training
        memory = training_memory(
            shape,
            work.options,
            cluster.shards,
            work.sequences,
            work.length,
            accumulates=work.batch > work.sequences * cluster.devices,
            on_cpu=cluster.device.is_cpu,
            fused_head=work.fused_head,
            critics=work.critics,
            references=work.references,
        )
        if work.judge is not None:  # ZeRO-3 leaves them whole
            shards = cluster.shards if cluster.sharding == "fsdp2" else 1
            memory = with_judges(memory, work.judge, JUDGES, cluster.sampling_bytes, shards)
    for decoding in stage.decodings[:1]:
        if decoding.engine is None:
            held = -(-decoding.sequences // cluster.devices)
            number = _numbers(stage, decoding, cluster)
            memory = replace(memory, cache=cache_bytes(shape, number, held, decoding.prompt + decoding.limit))
        else:
            engine = _engine_bytes(stage, decoding, cluster)
            weights = 0.0 if stage.training is None else memory.weights  # vLLM has them itself
            sleeps = isinstance(decoding.engine, ColocatedRolloutConfig) and decoding.engine.sleep
            memory = replace(memory, engine=engine, weights=weights, sleeps=sleeps)
    return memory


def _numbers(stage: Stage, decoding: Decoding, cluster: Cluster) -> int:
    """Bytes per weight and per cached number in sampling."""
    if decoding.engine is not None:  # `auto` takes the artifact's dtype, which is float32
        return FLOAT32 if decoding.engine.dtype in ("float32", "auto") else BFLOAT16
    return cluster.sampling_bytes if stage.training is None else compute_bytes(stage.training.options)


def _engine_bytes(stage: Stage, decoding: Decoding, cluster: Cluster) -> float:
    """Bytes that vLLM reserves: its share of a GPU; on a CPU, its weights and a KV cache of the configured size."""
    assert decoding.engine is not None
    if cluster.device.is_cpu:
        return _engine_weights(stage, decoding, cluster) + decoding.engine.cpu_kvcache_gib * 2**30
    return decoding.engine.gpu_memory_utilization * cluster.device.memory


def _engine_weights(stage: Stage, decoding: Decoding, cluster: Cluster) -> float:
    parallel = decoding.engine.tensor_parallel_size if decoding.engine else 1
    return float(stage.shape.parameters * _numbers(stage, decoding, cluster)) / parallel


def _cache_room(stage: Stage, decoding: Decoding, cluster: Cluster) -> float:
    """Bytes for the KV cache of one vLLM replica, over all its devices."""
    assert decoding.engine is not None
    room = _engine_bytes(stage, decoding, cluster) - _engine_weights(stage, decoding, cluster)
    return room * decoding.engine.tensor_parallel_size


def _replicas(stage: Stage, decoding: Decoding, cluster: Cluster) -> int:
    """Number of engines: one per `tensor_parallel_size` devices in RL, or as many as a sampling stage starts.

    Idle devices are paid for too.
    """
    parallel = decoding.engine.tensor_parallel_size if decoding.engine else 1
    most = max(1, cluster.devices // parallel)
    replicas = decoding.engine.replicas if isinstance(decoding.engine, RayEngineConfig) else 1
    return most if stage.training is not None else min(most, replicas)


def _decode_seconds(stage: Stage, decoding: Decoding, cluster: Cluster) -> float:
    """Seconds with all replicas in parallel; sequences that exceed vLLM's KV cache run in further rounds."""
    per_replica = decoding.engine.tensor_parallel_size if decoding.engine else 1
    replicas = _replicas(stage, decoding, cluster)
    number = _numbers(stage, decoding, cluster)
    replica = DecodingReplica(stage.shape, cluster.device, per_replica, number, number)
    sequences, turns = decoding.sequences / replicas, decoding.rounds
    if decoding.engine is not None:
        each = cache_bytes(stage.shape, number, 1, decoding.prompt + decoding.mean)
        fitting = max(1.0, _cache_room(stage, decoding, cluster) // each)
        if sequences > fitting:
            sequences, turns = fitting, turns * sequences / fitting
    seconds = replica.decode_seconds(
        max(1.0, sequences), decoding.prompt, decoding.mean, decoding.limit, of=sequences * replicas
    )
    return turns * seconds


def _problem(stage: Stage, memory: Memory, cluster: Cluster) -> str:
    """Why a stage cannot run, and what to change; empty if it can."""
    needs = f"needs {memory.total / 1e9:,.1f} GB per device, {cluster.usable / 1e9:.1f} GB are usable"
    if memory.total > cluster.usable:
        return f"{needs}; the largest part is {_largest(memory)}; {_remedy(stage, cluster)}"
    for decoding in stage.decodings:
        if decoding.engine is None:
            continue
        if decoding.engine.tensor_parallel_size > cluster.devices:
            return f"tensor_parallel_size = {decoding.engine.tensor_parallel_size} exceeds the number of devices"
        longest = cache_bytes(stage.shape, _numbers(stage, decoding, cluster), 1, decoding.prompt + decoding.limit)
        room = _cache_room(stage, decoding, cluster)
        if room < longest:
            return (
                f"vLLM has {max(0.0, room) / 1e9:.1f} GB left for its KV cache, but a single response of maximum "
                f"length needs {longest / 1e9:.1f} GB; raise gpu_memory_utilization or tensor_parallel_size"
            )
    return ""


def _remedy(stage: Stage, cluster: Cluster) -> str:
    """What suffices, on as few devices as possible: checkpointing, then micro-batches of one row as well."""
    work = stage.training
    if work is None:
        return "raise tensor_parallel_size, or use devices with more memory"
    changes: list[str] = []
    ways = [("", stage)]
    if not work.options.gradient_checkpointing:
        work = replace(work, options=work.options.model_copy(update={"gradient_checkpointing": True}))
        changes.append("training.gradient_checkpointing=true")
        ways.append((" and ".join(changes), replace(stage, training=work)))
    if work.sequences > 1:
        work = replace(work, sequences=1)
        changes.append(work.single)
        ways.append((" and ".join(changes), replace(stage, training=work)))
    clusters = [("", cluster)]
    for devices in (2**power for power in range(1, 13)):
        many = replace(cluster, devices=max(devices, cluster.devices), sharding="fsdp2")
        clusters.append((f"{many.devices} devices under fsdp2", many))
    for place, on in clusters:
        for change, changed in ways:
            if _memory(changed, on).total <= on.usable:
                return f"it fits with {' and '.join(filter(None, (place, change)))}"
    return (
        f"gradient checkpointing, {work.single} and more devices do not suffice: use a smaller model, or lower "
        "gpu_memory_utilization"
    )


def _largest(memory: Memory) -> str:
    parts = (
        *("weights", "gradients", "optimizer", "frozen", "copies", "gathered"),
        *("activations", "working", "logits", "judging", "cache", "engine"),
    )
    name = max(parts, key=lambda part: float(getattr(memory, part)))
    return f"{name} ({getattr(memory, name) / 1e9:.1f} GB)"
