"""Which of our code decides what a stage makes, and its hash."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNHASHED = ("r1/config/", "r1/pipeline/", "r1/support/", "r1/recipe.py")
"""Paths that decide how a stage is called and shown, not what it makes: values reach it as params."""


def source_closure(script: Path) -> list[str]:
    """Modules of r1 that a script imports, directly or through others, lazy imports included, UNHASHED left out.

    Returns:
        Paths from the project's root, such as "r1/rl/train.py", sorted.
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
    """SHA-256 of a script and of every module of r1 that it uses: the code's revision, as far as it matters."""
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
    """False for a package's docstring alone."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def _with_parents(module: str) -> Iterable[str]:
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1)) if parts[0] == "r1" else ()


def _module_path(module: str) -> str | None:
    base = ROOT.joinpath(*module.split("."))
    candidates = (base / "__init__.py", base.with_suffix(".py"))
    return next((path.relative_to(ROOT).as_posix() for path in candidates if path.is_file()), None)
