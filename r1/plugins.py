"""Load plug-ins by import path; any fault in one becomes a one-line error that names it."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from r1.config.plugins import import_root
from r1.support.errors import UserError

_roots: list[Path] = []
"""Folder that plug-in modules must be in, set by `use_folder`."""


class PluginError(UserError):
    """A plug-in is missing, does not implement its interface, or raised."""


def use_folder(folder: str) -> None:
    """Make a folder's modules importable, last on the path: they never shadow Python's modules or ours.

    Args:
        folder: the configuration's `plugins`.
    """
    root = import_root(folder).resolve()
    _roots[:] = [root]
    if str(root) not in sys.path:
        sys.path.append(str(root))


def load(name: str) -> Any:
    """Load what an import path names: a module, or anything in one.

    Raises:
        PluginError: if the module is missing, raises on import, or lacks the name.
    """
    module: Any = None
    found: Any = None
    path = ""
    for part in name.split("."):
        inside, path = path, f"{path}.{part}".lstrip(".")
        if module is None or (found is module and _is_module(path, module)):
            module = found = _import(path, name)
        elif hasattr(found, part):
            found = getattr(found, part)
        else:
            raise PluginError(f"{name}: {inside} has no {part!r}")
    return found


def make(name: str) -> Any:
    """Load what an import path names; for a class, create an instance.

    Raises:
        PluginError: as for `load`; also if the class cannot be constructed without arguments.
    """
    found = load(name)
    if not inspect.isclass(found):
        return found
    with naming(f"{name} made without arguments"):
        return found()


def check_takes(name: str, what: str, function: Any, *args: Any, **kwargs: Any) -> None:
    """Reject a function that cannot be called with these arguments.

    Args:
        name: import path of the plug-in.
        what: the expected signature, for messages: "generate(options, seed)".
        function: the function to check.
        args, kwargs: placeholders for its later arguments.

    Raises:
        PluginError: naming missing or unexpected arguments.
    """
    if not callable(function):
        raise PluginError(f"{name}: needs {what}")
    try:
        signature = inspect.signature(function)
    except ValueError:  # written in C, without a signature
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise PluginError(f"{name}: must be callable as {what}: {error}") from None


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Turn a plug-in's exception into a one-line error that names it; a UserError passes through.

    Raises:
        PluginError: naming the exception.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise PluginError(f"{what} raised {type(error).__name__}{_place(error)}: {_first_line(error)}") from error


def guarded(what: str, items: Iterator[Any]) -> Iterator[Any]:
    """Yield the items of a plug-in's iterator, with `naming` around only the plug-in's code."""
    while True:
        with naming(what):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def _is_module(path: str, package: ModuleType) -> bool:
    return hasattr(package, "__path__") and importlib.util.find_spec(path) is not None


def _import(path: str, name: str) -> ModuleType:
    writes = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # bytecode would change the folder that DVC tracks
    try:
        with naming(f"{name}: importing {path}"):
            if importlib.util.find_spec(path) is None:
                raise PluginError(f"{name}: there is no module {path}; plugins names the folder where it is looked for")
            module = importlib.import_module(path)
    except SystemExit:
        raise PluginError(f"{name}: {path} ends the program when it is imported") from None
    finally:
        sys.dont_write_bytecode = writes
    file = getattr(module, "__file__", None)
    if file is not None and _roots and not _lies_in(Path(file)):
        raise PluginError(f"{name}: {path} is {file}, not in the plug-ins' folder: give the module another name")
    return module


def _lies_in(file: Path) -> bool:
    """True for a file in the folder, directly or through a link."""
    resolved = file.resolve()
    links = (entry.resolve() for root in _roots for entry in root.iterdir())
    return any(place == resolved or place in resolved.parents for place in (*_roots, *links))


def _place(error: Exception) -> str:
    """Where the exception came from: the last line of the traceback."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return "" if step is None else f" ({Path(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno})"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "no message")
