"""What runs inside a sandbox: this file alone, as `python -I -S -c <its text> <role> <rlimits>`.

Nothing but the standard library, and nothing to import from: the file stands on no disk that the
sandbox sees. A role speaks one line a message on copies of its standard input and output.

candidate: reads the problem, executes the model's code, then answers each call.
examiner: reads the problem, executes its tests against a proxy of the candidate, then says the verdict.
"""

import builtins
import json
import os
import resource
import sys
import types
from typing import Any, NoReturn

READY, CALL, PASSED, FAILED, BROKEN = b"R", b"C", b"P", b"F", b"B"
"""How a line to the parent begins: it reads no further, so nothing that is written here can confuse it."""

_CONTAINERS: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_ENDS_A_LOOP = (StopIteration, StopAsyncIteration)
_MESSAGE_CHARACTERS = 1000
_SHORT = 2**53


class Channel:
    """One message a line; what the code prints goes to /dev/null, and its standard input is empty."""

    def __init__(self) -> None:
        self.reader = os.fdopen(os.dup(0), "rb")
        self.writer = os.fdopen(os.dup(1), "wb")
        null = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(null, standard)

    def send(self, kind: bytes, message: Any = None) -> None:
        self.writer.write(kind + json.dumps(message).encode() + b"\n")
        self.writer.flush()

    def receive(self) -> Any:
        line = self.reader.readline()
        if not line:
            os._exit(0)  # the parent is done with us
        return json.loads(line)

    def end(self, kind: bytes, message: str = "") -> NoReturn:
        self.send(kind, message[:_MESSAGE_CHARACTERS])
        os._exit(0)


def encode(value: Any) -> Any:
    """Plain data as JSON; subclasses become the plain type.

    Raises:
        TypeError: for anything else: objects, functions, generators.

    >>> encode([1, 2.5, None])
    ['list', 1, ['float', '0x1.4000000000000p+1'], None]
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int.__int__(value)
        return number if -_SHORT < number < _SHORT else ["int", hex(number)]  # in hexadecimal no length is refused
    if isinstance(value, float):
        return ["float", float.hex(value)]
    if isinstance(value, complex):
        return ["complex", float.hex(value.real), float.hex(value.imag)]
    if isinstance(value, bytes):
        return ["bytes", bytes.hex(value)]
    for name, container in _CONTAINERS.items():
        if isinstance(value, container):
            return [name, *map(encode, container.__iter__(value))]
    if isinstance(value, dict):
        return ["dict", *([encode(key), encode(item)] for key, item in dict.items(value))]
    raise TypeError(f"not plain data: {type(value).__name__}")


def decode(coded: Any) -> Any:
    """The plain data that `encode` wrote.

    Raises:
        Exception: of some kind, if it wrote no such thing.
    """
    if coded is None or isinstance(coded, (bool, int, str)):
        return coded
    kind, *parts = coded
    if kind == "int":
        return int(parts[0], 16)
    if kind == "float":
        return float.fromhex(parts[0])
    if kind == "complex":
        return complex(float.fromhex(parts[0]), float.fromhex(parts[1]))
    if kind == "bytes":
        return bytes.fromhex(parts[0])
    if kind == "dict":
        return {decode(key): decode(item) for key, item in parts}
    return _CONTAINERS[kind](map(decode, parts))


def answer_calls(channel: Channel, problem: dict[str, str]) -> None:
    """The candidate: any way in which the code ends itself ends this process, and so earns nothing."""
    space = _namespace("candidate")
    try:
        exec(problem["prompt"], space)
    except BaseException as error:
        channel.end(BROKEN, f"the prompt cannot be run: {error!r}")
    channel.send(READY)  # before the code runs, which could say BROKEN as well
    exec(problem["code"], space)
    function = space[problem["entry_point"]]
    channel.send(READY)
    while True:
        arguments, keywords = map(decode, channel.receive())
        try:
            reply = ["return", encode(function(*arguments, **keywords))]
        except BaseException as error:
            known = (kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind)
            reply = ["raise", next(known), str(error)[:_MESSAGE_CHARACTERS]]
        channel.send(b"", reply)


def examine(channel: Channel, problem: dict[str, str]) -> None:
    """The examiner: passed only if `check` returns; what it may trust of the candidate is plain data alone."""

    asked = False

    def candidate(*arguments: Any, **keywords: Any) -> Any:
        nonlocal asked
        try:
            message = [encode(arguments), encode(keywords)]
        except TypeError as error:
            channel.end(BROKEN, f"the tests call with {error}")
        asked = True
        channel.send(CALL, message)
        kind, *parts = channel.receive()
        if kind == "return":
            return decode(parts[0])
        raise _exception(*parts)

    space = _namespace("examiner")
    try:
        exec(problem["prompt"], space)
        space[problem["entry_point"]] = candidate
        exec(problem["tests"], space)
    except BaseException as error:  # once the code was asked, it may be what it answered
        channel.end(FAILED if asked else BROKEN, f"the tests cannot be run: {error!r}")
    if "check" not in space:
        channel.end(BROKEN, "the tests define no check")
    try:
        space["check"](candidate)
    except BaseException:
        channel.end(FAILED)
    channel.end(PASSED)


def _namespace(name: str) -> dict[str, Any]:
    """Of a module that can be found by its name, as dataclasses and pickle do."""
    module = sys.modules[name] = types.ModuleType(name)
    return module.__dict__


def _exception(name: str, message: str) -> Exception:
    """The candidate's exception: a builtin one, since tests may expect it.

    But none that ends a loop: in `for … in map(candidate, …)` it would skip the assertions that follow.
    """
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, _ENDS_A_LOOP):
        try:
            return kind(message)
        except TypeError:  # some want more than a message
            pass
    return RuntimeError(f"{name}: {message}")


def main() -> None:
    """Take the limits, which the code cannot raise again, and only then read what to run."""
    role, limits = sys.argv[1], json.loads(sys.argv[2])
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    channel = Channel()
    channel.send(READY)
    {"candidate": answer_calls, "examiner": examine}[role](channel, channel.receive())


if __name__ == "__main__":
    main()
