"""Python imports this at its start wherever this folder is on PYTHONPATH: it writes down who looks for a network.

Every connection or name look-up of Python's that leaves the machine goes, with the command
that tried it, to the file that R1_NETWORK_LOG names.
"""

import os
import sys
from typing import Any


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host)
    if host is not None and name not in ("", "localhost", "::1", "0.0.0.0") and not name.startswith("127."):
        with open(os.environ["R1_NETWORK_LOG"], "a") as log:
            log.write(f"{' '.join(sys.orig_argv)}: {event} {name}\n")


if "R1_NETWORK_LOG" in os.environ:
    sys.addaudithook(_record)
