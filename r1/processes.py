"""One of several processes that train together, as the launcher says in the environment (torch's own variables)."""

import os


def world_size() -> int:
    """How many processes there are; 1 if nothing launched several."""
    return int(os.environ.get("WORLD_SIZE", 1))


def spread_by() -> str | None:
    """What spreads weights and optimizer over the processes, fsdp2 or zero3, as accelerate says in the environment."""
    for name, variable in (("fsdp2", "ACCELERATE_USE_FSDP"), ("zero3", "ACCELERATE_USE_DEEPSPEED")):
        if os.environ.get(variable, "").lower() == "true":
            return name
    return None


def is_main() -> bool:
    """True in the one process that prints and writes."""
    return int(os.environ.get("RANK", 0)) == 0
