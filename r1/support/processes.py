"""This process's place in a distributed run, from environment variables of the launcher (torch, accelerate)."""

import os
from typing import Literal


def world_size() -> int:
    """Number of processes; 1 if the run is not distributed."""
    return int(os.environ.get("WORLD_SIZE", 1))


def sharded_by() -> Literal["fsdp2", "zero3"] | None:
    """Sharding strategy for weights and optimizer state, from accelerate's variables; None if they are not sharded."""
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true":
        return "fsdp2"
    return "zero3" if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true" else None


def is_main() -> bool:
    """True in the main process, the only one that prints and writes."""
    return int(os.environ.get("RANK", 0)) == 0
