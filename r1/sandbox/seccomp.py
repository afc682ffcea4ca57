"""A filter that refuses system calls sandboxed code does not need; bubblewrap loads it just before the code starts.

Some allocate memory that no rlimit counts (a System V segment takes no address space once detached); the others have
a history of kernel vulnerabilities. A refused call returns EPERM, so Python raises and continues. The filter is a
classic BPF program over `struct seccomp_data`, see seccomp(2); `bwrap --seccomp FD` reads it as an array of
`struct sock_filter`.
"""

import errno
import os
import struct

from r1.sandbox.isolation import SandboxUnavailable

_AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_REFUSED = {  # numbers on x86_64 and aarch64, from Linux's asm/unistd_64.h and asm-generic/unistd.h
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "vmsplice": (278, 75),  # a pipe keeps full huge pages alive after they are unmapped
    "ptrace": (101, 117),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
}
_X32 = 0x40000000
"""x86_64 numbers the same calls a second time from here, for the x32 ABI."""

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in seccomp_data
_KILL, _REFUSE, _ALLOW = 0x80000000, 0x00050000 | errno.EPERM, 0x7FFF0000


def program(machine: str) -> bytes:
    """The filter program; calls of another architecture (32-bit) kill the process, since their numbers differ.

    Args:
        machine: as in `os.uname`.

    Raises:
        SandboxUnavailable: if we have no call numbers for it; without the filter the memory limit would not hold.
    """
    if machine not in _AUDIT_ARCHITECTURES:
        raise SandboxUnavailable(f"there is no system call filter for {machine}")
    architecture = _AUDIT_ARCHITECTURES[machine]
    column = list(_AUDIT_ARCHITECTURES).index(machine)
    tests = [(_IF_AT_LEAST, _X32), *((_IF_EQUAL, numbers[column]) for numbers in _REFUSED.values())]
    return b"".join(
        struct.pack("HBBI", *instruction)  # operation, jumps if true and if false, operand
        for instruction in (
            (_LOAD, 0, 0, _ARCHITECTURE),
            (_IF_EQUAL, 1, 0, architecture),
            (_RETURN, 0, 0, _KILL),
            (_LOAD, 0, 0, _NUMBER),
            *((kind, len(tests) - n, 0, number) for n, (kind, number) in enumerate(tests)),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE),
        )
    )


def open_filter(machine: str) -> int:
    """A file descriptor to read the filter from, once (a pipe, whose buffer it fits). The caller closes it.

    Raises:
        SandboxUnavailable: see `program`.
    """
    content = program(machine)
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        file.write(content)
    return reader
