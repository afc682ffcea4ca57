"""The code that a stage's result depends on, and its hash."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNHASHED = ("r1/config/", "r1/pipeline/", "r1/support/", "r1/plugins.py", "r1/recipe.py")
"""Paths that affect how a stage is called and reported, not its result: configuration values are tracked as params."""


def source_closure(script: Path) -> list[str]:
    """List the modules of r1 that a script imports, directly or indirectly, including lazy imports, except UNHASHED.

    Returns:
        Sorted paths from the project root, such as "r1/rl/train.py".
    """
    found: set[str] = set()
    waiting = [script]
    while waiting:
        for module in _imports(waiting.pop()):
            for name in _with_parents(module):
                path = _module_path(name)
                if path is None or path.startswith(UNHASHED) or path in found:
                    continue
                found.add(path)
                waiting.append(ROOT / path)
    return sorted(path for path in found if _has_code(ROOT / path))


def code_hash(script: Path) -> str:
    """SHA-256 of a script and every module of r1 that it uses."""
    digest = hashlib.sha256(script.read_bytes())
    for name in source_closure(script):
        digest.update(f"{name}\0".encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()


def _imports(path: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _has_code(path: Path) -> bool:
    """False if the module contains only a docstring."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def _with_parents(module: str) -> Iterable[str]:
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1)) if parts[0] == "r1" else ()


def _module_path(module: str) -> str | None:
    base = ROOT.joinpath(*module.split("."))
    candidates = (base / "__init__.py", base.with_suffix(".py"))
    return next((path.relative_to(ROOT).as_posix() for path in candidates if path.is_file()), None)
