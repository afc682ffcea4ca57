"""Import paths in the configuration: plug-in tasks, rewards, adapters and engines.

Names are checked against source files only. Nothing is imported here, so a misspelt name fails at once.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator
from pydantic_core import PydanticKnownError

Kind = Literal["task", "reward", "adapter", "engine"]


def is_plugin(name: str) -> bool:
    """True for an import path such as my_package.rewards.brevity; built-in names never contain a dot."""
    return "." in name and all(part.isidentifier() for part in name.split("."))


def known(name: str, names: tuple[str, ...]) -> str:
    """The name, if it is one of these or an import path; otherwise pydantic's own error for a literal."""
    if name in names or is_plugin(name):
        return name
    expected = " or ".join(filter(None, (", ".join(map(repr, names[:-1])), repr(names[-1]))))
    raise PydanticKnownError("literal_error", {"expected": f"{expected}, or an import path"})


def check_name(*names: str) -> AfterValidator:
    """A validator that accepts these names and import paths."""
    return AfterValidator(lambda name: known(name, names))


def _check_import_path(name: str) -> str:
    if not is_plugin(name):
        raise ValueError("must be an import path, such as my_package.engine.Echo")
    return name


ImportPath = Annotated[str, AfterValidator(_check_import_path)]


def flatten(values: Any, prefix: str = "") -> Any:
    """Join nested keys with dots: an override such as `zero.rewards.my_package.brevity=1` arrives as nested mappings.

    >>> flatten({"format_reward": 1.0, "my_package": {"rewards": {"brevity": 0.5}}})
    {'format_reward': 1.0, 'my_package.rewards.brevity': 0.5}
    """
    if not isinstance(values, Mapping):
        return values
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


class Plugin(NamedTuple):
    """A plug-in that the configuration names.

    Attributes:
        kind: the interface it must implement.
        name: its import path.
        key: configuration key that names it.
    """

    kind: Kind
    name: str
    key: str


@dataclass(frozen=True)
class Found:
    """Where an import path was found in the plug-in folder.

    Attributes:
        file: source file of the module.
        module: its import path.
        attribute: dotted name in the module; "" for the module itself.
    """

    file: Path
    module: str
    attribute: str


def import_root(folder: str) -> Path:
    """The directory that import paths start from: the folder, or its parent if the folder is itself a package."""
    path = Path(folder).expanduser()
    return path.parent if (path / "__init__.py").is_file() else path


def find(folder: str, name: str) -> Found:
    """Find the file of an import path in the plug-in folder.

    Args:
        folder: the configuration's `plugins`.
        name: the import path.

    Raises:
        ValueError: if the folder lacks the module, or the module lacks the name.
    """
    path, root = Path(folder).expanduser(), import_root(folder)
    parts = name.split(".")
    if not path.is_dir():
        raise ValueError(f"plugins = {folder!r} is not a folder")
    if root != path and parts[0] != path.name:
        raise ValueError(f"plugins = {folder!r} is the package {path.name}, {_elsewhere(folder, parts[0])}")
    place, depth = root, 0
    while depth < len(parts) and (place / parts[depth]).is_dir() and not (place / f"{parts[depth]}.py").is_file():
        place, depth = place / parts[depth], depth + 1
    if depth < len(parts) and (place / f"{parts[depth]}.py").is_file():
        file, depth = place / f"{parts[depth]}.py", depth + 1
    else:
        file = place / "__init__.py"
    if not depth:
        raise ValueError(f"plugins = {folder!r} has no module {parts[0]}, {_elsewhere(folder, parts[0])}")
    if not file.is_file():
        missing = ".".join(parts[: depth + 1])
        hint = _hint(parts[min(depth, len(parts) - 1)], _modules(place))
        raise ValueError(f"plugins = {folder!r} has no module {missing}{hint}")
    found = Found(file, ".".join(parts[:depth]), ".".join(parts[depth:]))
    if found.attribute:
        _check_bound(found, parts[depth])
    return found


def _elsewhere(folder: str, package: str) -> str:
    """What to do about a module outside the folder."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        return "and none is installed"
    place = Path(spec.origin).parent if spec.submodule_search_locations else spec.origin
    return f"but {place} has, where a change would go unnoticed: set plugins to that folder, or link it into {folder}"


def _modules(place: Path) -> set[str]:
    return {path.stem for path in place.iterdir() if path.suffix == ".py" or path.is_dir()}


def _hint(wanted: str, there: set[str]) -> str:
    close = get_close_matches(wanted, there, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _check_bound(found: Found, name: str) -> None:
    """Reject a name that the module's source never binds."""
    try:
        tree = ast.parse(found.file.read_text())
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{found.file} cannot be read: {error}") from None
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
    if name not in bound and not bound & {"*", "__getattr__"}:
        if found.file.name == "__init__.py":
            hint = _hint(name, bound | _modules(found.file.parent))
            raise ValueError(f"{found.file.parent} has neither a module nor a name {name!r}{hint}")
        raise ValueError(f"{found.file} has no {name!r}{_hint(name, bound)}")
