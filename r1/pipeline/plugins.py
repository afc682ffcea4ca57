"""Plug-ins as dependencies: what each is made of, and a check of each before hours of other work."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from r1.config.plugin_users import NamesPlugins, plugin_users
from r1.config.plugins import Plugin, find, import_root
from r1.plugins import PluginError
from r1.support.artifacts import write_json
from r1.support.errors import UserError


def write_uses(folder: str, config: NamesPlugins, target: Path) -> None:
    """Check every plug-in, and write a file a stage with the hash of each that it uses: what DVC depends on.

    Args:
        folder: of the plug-ins.
        config: the sections that name them.
        target: directory of the files.

    Raises:
        PluginError: if one cannot work.
    """
    users = plugin_users(config)
    check(plugin for used in users.values() for plugin in used)
    for stage, used in users.items():
        write_json(target / f"{stage}.json", hashes(folder, used))


def hashes(folder: str, plugins: Iterable[Plugin]) -> dict[str, str]:
    """SHA-256 of each plug-in's code, by import path, sorted."""
    return {name: _hash(folder, name) for name in sorted({plugin.name for plugin in plugins})}


def _hash(folder: str, name: str) -> str:
    """Of the plug-in's module and what it imports from the folder, and of data files beside them in a package."""
    root, start = import_root(folder), find(folder, name).file
    found: set[Path] = set()
    waiting = [start, *_packages(root, start)]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for module in _imports(root, file):
            if (imported := _file_of(root, module)) is not None:
                waiting += [imported, *_packages(root, imported)]
    packages = {file.parent for file in found if (file.parent / "__init__.py").is_file()}
    data = {file for package in packages for file in package.iterdir() if file.is_file() and _is_data(file)}
    digest = hashlib.sha256()
    for file in sorted(found | data):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def _is_data(file: Path) -> bool:
    return file.suffix not in (".py", ".pyc") and not file.name.startswith(".")


def _packages(root: Path, file: Path) -> Iterator[Path]:
    """`__init__.py` of the packages that a module lies in: they run first."""
    for parent in file.parents:
        if parent == root:
            return
        if (parent / "__init__.py").is_file():
            yield parent / "__init__.py"


def _imports(root: Path, file: Path) -> Iterator[str]:
    """Import paths that a module's text names, relative ones made absolute."""
    package = file.parent.relative_to(root).parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _file_of(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    candidates = (base.with_name(f"{base.name}.py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def check(plugins: Iterable[Plugin]) -> None:
    """Import every plug-in, and see that it is what its kind has to be.

    Raises:
        PluginError: naming the key and the plug-in.
    """
    for plugin in dict.fromkeys(plugins):
        try:
            _check(plugin)
        except UserError as error:
            raise PluginError(f"{plugin.key}: {error}") from error


def _check(plugin: Plugin) -> None:
    """What a kind has to be stands in its room, which is imported only for it."""
    if plugin.kind == "task":
        from r1.tasks import task_of

        task_of(plugin.name)
    elif plugin.kind == "reward":
        from r1.rewards.plugged import PluggedReward

        PluggedReward(plugin.name)
    elif plugin.kind == "adapter":
        from r1.data.adapters import plugged_adapter

        plugged_adapter(plugin.name)
    else:
        from r1.sampling.plugged_engine import engine_class

        engine_class(plugin.name)
