"""The program inside a sandbox: only this file, run as `python -I -S -c <its text> <role> <rlimits>`.

It uses only the standard library: the sandbox sees no file of this project. A role exchanges messages,
one per line, on copies of its standard input and output.

A prompt may be the head of a function without a body, which is no Python by itself: it is executed with `pass` as the
body. Code that is no module by itself may be the body that follows the prompt: HumanEval asks for either.

candidate: reads the problem, executes the model's code, then answers each call.
examiner: reads the problem, executes its tests against a proxy of the candidate, then sends the verdict.
"""

import builtins
import json
import os
import resource
import sys
import types
from typing import Any, NoReturn

READY, CALL, PASSED, FAILED, BROKEN = b"R", b"C", b"P", b"F", b"B"
"""First byte of a line to the parent, which reads no further, so nothing written here can confuse it."""

_CONTAINERS: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_ENDS_A_LOOP = (StopIteration, StopAsyncIteration)
_MESSAGE_CHARACTERS = 1000
_SHORT = 2**53


class Channel:
    """One message per line; the code's own output goes to /dev/null, and its standard input is empty."""

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
            os._exit(0)  # the parent has closed the pipe
        return json.loads(line)

    def end(self, kind: bytes, message: str = "") -> NoReturn:
        self.send(kind, message[:_MESSAGE_CHARACTERS])
        os._exit(0)


def encode(value: Any) -> Any:
    """Encode plain data as JSON; subclasses become the plain type.

    Raises:
        TypeError: for anything else, such as objects, functions and generators.

    >>> encode([1, 2.5, None])
    ['list', 1, ['float', '0x1.4000000000000p+1'], None]
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        number = int.__int__(value)
        return (
            number if -_SHORT < number < _SHORT else ["int", hex(number)]
        )  # Python limits the length of decimal integers, not of hexadecimal ones
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
    """Decode the result of `encode`.

    Raises:
        Exception: of any kind, for other input.
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


def complete(prompt: str) -> str:
    """The prompt, with `pass` as the body of its last function if it has none.

    >>> complete("def f(a):")
    'def f(a):\\n    pass'
    """
    indent = _last_indent(prompt)
    stubs = (f"{prompt.rstrip()}\n{inner}pass" for inner in (indent, indent + "    ", indent + "\t"))
    return prompt if _is_module(prompt) else next(filter(_is_module, stubs), prompt)


def program(code: str, prompt: str, completed: str) -> str:
    """The code if it is a module, or else the prompt with the code as its body, or else the code as it is.

    A body may have lost the indentation of its first line, as an answer's text is stripped, or of all lines.

    Args:
        code: the model's.
        prompt: as the problem gives it.
        completed: see `complete`; its last line is indented as a body is.
    """
    if not prompt.strip() or _is_module(code):
        return code
    indent = _last_indent(completed)
    shifted = "".join(f"{indent}{line}" for line in code.splitlines(keepends=True))
    bodies = (code, f"{indent}{code.lstrip()}", shifted)
    wholes = (f"{prompt.rstrip()}\n{body}" for body in bodies)
    return next(filter(_is_module, wholes), code)


def _last_indent(text: str) -> str:
    last = text.rstrip().rpartition("\n")[2]
    return last[: len(last) - len(last.lstrip())]


def _is_module(text: str) -> bool:
    try:
        compile(text, "<string>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def answer_calls(channel: Channel, problem: dict[str, str]) -> None:
    """Act as the candidate. However the code exits, it exits this process, which counts as a failure."""
    space = _namespace("candidate")
    prompt = complete(problem["prompt"])
    try:
        exec(prompt, space)
    except BaseException as error:
        channel.end(BROKEN, f"the prompt cannot be run: {error!r}")
    channel.send(READY)  # before the code runs, which could send BROKEN itself
    exec(program(problem["code"], problem["prompt"], prompt), space)
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


def run_tests(channel: Channel, problem: dict[str, str]) -> None:
    """Act as the examiner: the code passes only if `check` returns. The candidate can send it only plain data."""

    asked = False

    def candidate(*arguments: Any, **keywords: Any) -> Any:
        nonlocal asked
        try:
            message = [encode(arguments), encode(keywords)]
        except TypeError as error:
            channel.end(BROKEN, f"the tests pass an argument that is {error}")
        asked = True
        channel.send(CALL, message)
        kind, *parts = channel.receive()
        if kind == "return":
            return decode(parts[0])
        raise _exception(*parts)

    space = _namespace("examiner")
    try:
        exec(complete(problem["prompt"]), space)
        space[problem["entry_point"]] = candidate
        exec(problem["tests"], space)
    except BaseException as error:  # after the first call, the candidate's results may be the cause
        channel.end(FAILED if asked else BROKEN, f"the tests cannot be run: {error!r}")
    if "check" not in space:
        channel.end(BROKEN, "the tests do not define `check`")
    try:
        space["check"](candidate)
    except BaseException:
        channel.end(FAILED)
    channel.end(PASSED)


def _namespace(name: str) -> dict[str, Any]:
    """Namespace of a new module in sys.modules, where dataclasses and pickle look it up by name."""
    module = sys.modules[name] = types.ModuleType(name)
    return module.__dict__


def _exception(name: str, message: str) -> Exception:
    """The candidate's exception as a builtin one, since tests may expect it.

    Except for StopIteration: in `for … in map(candidate, …)` it would end the loop and skip assertions.
    """
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, _ENDS_A_LOOP):
        try:
            return kind(message)
        except TypeError:  # some need more than a message
            pass
    return RuntimeError(f"{name}: {message}")


def main() -> None:
    """Set the limits, which the code cannot raise again, and only then read what to run."""
    role, limits = sys.argv[1], json.loads(sys.argv[2])
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    channel = Channel()
    channel.send(READY)
    {"candidate": answer_calls, "examiner": run_tests}[role](channel, channel.receive())


if __name__ == "__main__":
    main()
