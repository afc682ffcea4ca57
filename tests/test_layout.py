"""The library's packages in layers: arrows run one way, the runner is on top, modules stay short."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MODULES = sorted((ROOT / "r1").rglob("*.py"))
# A package, or a module of r1/ itself, imports those before it, anywhere in its code: lazy imports count.
ORDER = (
    *(
        "support",
        "recipe",
        "config",
        "plugins",
        "sandbox",
        "tasks",
        "models",
        "rewards",
        "data",
        "sampling",
        "training",
    ),
    *("finetuning", "rl", "curation", "rollouts", "evaluation", "reporting", "planning", "machine", "doctor"),
    *("finished", "release", "talk", "watch", "questions"),
    *("pipeline", "__main__"),
)
# Packages that import less than their place allows.
ONLY: dict[str, set[str]] = {
    "support": set(),
    "recipe": set(),
    "config": {"recipe"},
    "plugins": {"support", "config"},
    "sandbox": {"support", "config"},
    "tasks": {"support", "config", "plugins", "sandbox"},
    "models": {"support", "config"},
    "training": {"support", "config", "models"},
    "finetuning": {"support", "config", "models", "training"},
    "rollouts": {"support"},
    "reporting": {"support", "recipe", "config", "rewards", "rollouts", "evaluation"},
    "planning": {"support", "recipe", "config", "data", "reporting"},
    "finished": {"support", "recipe"},
    "release": {"support", "recipe", "config", "models", "finished"},
    "talk": {"support", "config", "models", "sampling", "reporting", "finished"},
    "watch": {"support", "training", "rollouts"},
}
LONGEST = 300


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def unit_of(path: Path) -> str:
    return path.relative_to(ROOT / "r1").parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports, relative ones by their whole name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = list(path.relative_to(ROOT).parts[: -node.level]) if node.level else []
            module = ".".join([*package, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def units(path: Path) -> set[str]:
    return {parts[1] for module in imports(path) if (parts := module.split("."))[0] == "r1" and len(parts) > 1}


def test_every_package_has_its_place() -> None:
    found = {unit_of(path) for path in MODULES} - {"__init__"}
    assert found == set(ORDER) and len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("unit", ORDER)
def test_arrows_run_down(unit: str) -> None:
    allowed = {unit, *ONLY.get(unit, ORDER[: ORDER.index(unit)])}
    up = {name_of(path): more for path in MODULES if unit_of(path) == unit and (more := units(path) - allowed)}
    assert not up


@pytest.mark.parametrize("unit", ONLY)
def test_what_is_allowed_is_below(unit: str) -> None:
    assert ONLY[unit] <= set(ORDER[: ORDER.index(unit)])


def test_the_runner_is_on_top() -> None:
    called = {name_of(path) for path in MODULES if "pipeline" in units(path)}
    assert {name for name in called if not name.startswith("r1/pipeline/")} == {"r1/__main__.py"}


@pytest.mark.parametrize("folder", ["r1", "stages"])
def test_nothing_imports_stages_tests_or_benches(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        assert not {module.split(".")[0] for module in imports(path)} & {"stages", "tests", "bench"}, name_of(path)


def test_the_schema_imports_pydantic_alone() -> None:
    allowed = {*sys.stdlib_module_names, "pydantic", "pydantic_core", "r1"}
    for path in (ROOT / "r1" / "config").glob("*.py"):
        assert {module.split(".")[0] for module in imports(path)} <= allowed, name_of(path)


def test_every_module_that_is_imported_is_there() -> None:
    """Lazy imports would say so only when their turn comes."""
    for path in MODULES:
        for module in imports(path):
            if module.split(".")[0] == "r1":
                base = ROOT.joinpath(*module.split("."))
                places = (base, base.with_suffix(".py"), base.parent.with_suffix(".py"), base.parent / "__init__.py")
                assert any(place.exists() for place in places), f"{name_of(path)} imports {module}"


def test_a_long_module_says_why() -> None:
    for path in MODULES:
        text = path.read_text()
        lines, docstring = len(text.splitlines()), ast.get_docstring(ast.parse(text)) or ""
        excused = any(line.startswith("Long because") for line in docstring.splitlines())
        assert excused == (lines > LONGEST), f"{name_of(path)} has {lines} lines"
