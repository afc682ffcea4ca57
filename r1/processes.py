"""One of several processes that train together, as the launcher says in the environment (torch's own variables)."""

import os


def world_size() -> int:
    """How many processes there are; 1 if nothing launched several."""
    return int(os.environ.get("WORLD_SIZE", 1))


def is_main() -> bool:
    """True in the one process that prints and writes."""
    return int(os.environ.get("RANK", 0)) == 0
