"""This process's place in a distributed run, from environment variables of the launcher (torch, accelerate)."""

import fcntl
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal


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


def once_per_machine(folder: Path, key: str, compute: Callable[[], Any]) -> Any:
    """Compute a value in the first process of this machine that asks for it, and hand it to the machine's others.

    A file in `folder` carries the value, so it needs no process group, which exists only once a trainer does. A
    process that is alone on its machine computes without the file.

    Args:
        folder: where this run keeps its files; may be shared by several machines.
        key: must change when the value would.
        compute: returns a JSON value.
    """
    if int(os.environ.get("LOCAL_WORLD_SIZE", 1)) == 1:
        return compute()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{socket.gethostname()}.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the others wait here; released when the file is closed, or by a kill
        file.seek(0)
        try:
            kept = json.load(file)
            if kept["key"] == key:
                return kept["value"]
        except (ValueError, KeyError, TypeError):
            pass  # empty, or a kill truncated it
        value = compute()
        file.seek(0)
        file.truncate()
        json.dump({"key": key, "value": value}, file)
        return value
