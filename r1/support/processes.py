"""One of several processes that train together, as the launcher says in the environment (torch's own variables)."""

import os
from typing import Literal


def world_size() -> int:
    """How many processes there are; 1 if nothing launched several."""
    return int(os.environ.get("WORLD_SIZE", 1))


def sharded_by() -> Literal["fsdp2", "zero3"] | None:
    """What shards weights and optimizer over the processes, fsdp2 or zero3, as accelerate says in the environment."""
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true":
        return "fsdp2"
    return "zero3" if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true" else None


def is_main() -> bool:
    """True in the one process that prints and writes."""
    return int(os.environ.get("RANK", 0)) == 0
