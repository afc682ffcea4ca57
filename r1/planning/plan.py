"""A plan: each stage's tokens, FLOPs, memory on each device, hours and dollars."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from r1.planning.compute import Replica, compute_seconds, flops
from r1.planning.hardware import Device
from r1.planning.memory import (
    FREE,
    PRECISIONS,
    Memory,
    ParallelismName,
    Precision,
    PrecisionName,
    cache_bytes,
    training_memory,
)
from r1.planning.recipe import Decoding, Stage


@dataclass(frozen=True)
class Cluster:
    """What it is to run on."""

    device: Device
    devices: int
    parallelism: ParallelismName
    precision: PrecisionName

    @property
    def bytes(self) -> Precision:
        """Of each number."""
        return PRECISIONS[self.precision]

    @property
    def shards(self) -> int:
        """Devices that share one copy of what training keeps."""
        return self.devices if self.parallelism == "zero3" else 1

    @property
    def usable(self) -> float:
        """Bytes on one device."""
        return self.device.memory * (1 - FREE)


@dataclass(frozen=True)
class Cost:
    """Of one stage.

    Attributes:
        generated, trained: tokens; generated without prompts.
        flops: as the stage's metrics count them, but of a mixture of experts only the active parameters.
        hours: of one device, times their number.
        lacks: why it cannot run; empty where it can.
    """

    name: str
    generated: float
    trained: float
    flops: float
    memory: Memory
    hours: float
    dollars: float
    lacks: str = ""


def plan(stages: Iterable[Stage], cluster: Cluster) -> list[Cost]:
    """The cost of each stage."""
    return [_cost(stage, cluster) for stage in stages]


def _cost(stage: Stage, cluster: Cluster) -> Cost:
    memory = _memory(stage, cluster)
    active = stage.shape.active_parameters
    seconds = compute_seconds(flops(active, stage.scored, stage.trained), cluster.device, cluster.devices)
    seconds += sum(_decode_seconds(stage, decoding, cluster) for decoding in stage.decodings)
    hours = seconds * cluster.devices / 3600
    return Cost(
        name=stage.name,
        generated=sum(decoding.tokens for decoding in stage.decodings),
        trained=stage.trained,
        flops=flops(active, stage.forward, stage.trained),
        memory=memory,
        hours=hours,
        dollars=hours * cluster.device.dollars,
        lacks=_lacks(stage, memory, cluster),
    )


def _memory(stage: Stage, cluster: Cluster) -> Memory:
    shape, sizes = stage.shape, cluster.bytes
    if stage.training is None:
        memory = Memory(weights=shape.parameters * sizes.weights)
    else:
        work = stage.training
        memory = training_memory(
            shape,
            sizes,
            cluster.shards,
            work.sequences,
            work.length,
            checkpointing=work.checkpointing,
            fused_head=work.fused_head,
            critics=work.critics,
            frozen=work.frozen,
        )
    for decoding in stage.decodings[:1]:
        if decoding.engine is None:
            held = -(-decoding.sequences // cluster.devices)
            memory = replace(memory, cache=cache_bytes(shape, sizes, held, decoding.prompt + decoding.limit))
        else:
            engine = _engine_bytes(stage, decoding, cluster)
            weights = 0.0 if stage.training is None else memory.weights  # vLLM has them itself
            memory = replace(memory, engine=engine, weights=weights)
    return memory


def _engine_bytes(stage: Stage, decoding: Decoding, cluster: Cluster) -> float:
    """What vLLM reserves: its share of a GPU, or weights and the cache that it is told to make on a CPU."""
    assert decoding.engine is not None
    if cluster.device.is_cpu:
        return _engine_weights(stage, decoding, cluster) + decoding.engine.cpu_kvcache_gib * 2**30
    return decoding.engine.gpu_memory_utilization * cluster.device.memory


def _engine_weights(stage: Stage, decoding: Decoding, cluster: Cluster) -> float:
    parallel = decoding.engine.tensor_parallel_size if decoding.engine else 1
    return stage.shape.parameters * cluster.bytes.weights / parallel


def _cache_room(stage: Stage, decoding: Decoding, cluster: Cluster) -> float:
    """Bytes for the KV cache of one replica of vLLM, over its devices."""
    assert decoding.engine is not None
    room = _engine_bytes(stage, decoding, cluster) - _engine_weights(stage, decoding, cluster)
    return room * decoding.engine.tensor_parallel_size


def _decode_seconds(stage: Stage, decoding: Decoding, cluster: Cluster) -> float:
    """Replicas side by side; where vLLM's cache is too small for all sequences they come in turns."""
    per_replica = decoding.engine.tensor_parallel_size if decoding.engine else 1
    replicas = max(1, cluster.devices // per_replica)
    sizes = cluster.bytes
    replica = Replica(stage.shape, cluster.device, per_replica, sizes.weights, sizes.numbers)
    sequences, turns = decoding.sequences / replicas, decoding.rounds
    if decoding.engine is not None:
        each = cache_bytes(stage.shape, sizes, 1, decoding.prompt + decoding.mean)
        fitting = max(1.0, _cache_room(stage, decoding, cluster) // each)
        if sequences > fitting:
            sequences, turns = fitting, turns * sequences / fitting
    seconds = replica.decode_seconds(
        max(1.0, sequences), decoding.prompt, decoding.mean, decoding.limit, of=sequences * replicas
    )
    return turns * seconds


def _lacks(stage: Stage, memory: Memory, cluster: Cluster) -> str:
    """Why a stage cannot run, in words that say what to change."""
    gigabytes = f"{memory.total / 1e9:.1f} of {cluster.usable / 1e9:.1f} GB usable"
    if memory.total > cluster.usable:
        return f"{gigabytes}; the most by {_largest(memory)}"
    for decoding in stage.decodings:
        if decoding.engine is None:
            continue
        if decoding.engine.tensor_parallel_size > cluster.devices:
            return f"tensor_parallel_size {decoding.engine.tensor_parallel_size} needs as many devices"
        longest = cache_bytes(stage.shape, cluster.bytes, 1, decoding.prompt + decoding.limit)
        room = _cache_room(stage, decoding, cluster)
        if room < longest:
            return (
                f"vLLM's share holds no cache for one longest response ({room / 1e9:.1f} of {longest / 1e9:.1f} GB): "
                "raise gpu_memory_utilization or tensor_parallel_size"
            )
    return ""


def _largest(memory: Memory) -> str:
    parts = ("weights", "gradients", "optimizer", "frozen", "activations", "logits", "cache", "engine")
    name = max(parts, key=lambda part: float(getattr(memory, part)))
    return f"{name} ({getattr(memory, name) / 1e9:.1f} GB)"
