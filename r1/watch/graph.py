"""The recipe's stages and their edges, read from dvc.yaml without importing DVC, which takes seconds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

_METRICS = "data/metrics/"
_FIELD = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Stage:
    """One run of a stage: `zero`, or `base@base_qwen` for an entry of a matrix.

    Attributes:
        run: name of its metrics, of its checkpoint folder, and of its curve if it has one, such as `evaluate/zero`.
        command: its script and the script's arguments, as in the command line of its process.
        outs: paths that DVC caches, from the project root.
        written: `outs`, metrics and plots.
        curve: path of its learning curve, if it trains.
    """

    name: str
    run: str
    about: str
    command: tuple[str, ...]
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    written: tuple[str, ...]
    curve: str | None


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, or an empty one: the files may be half edited."""
    return value if isinstance(value, dict) else {}


def sections(value: Any) -> dict[str, dict[str, Any]]:
    """The entries of a mapping that are mappings themselves."""
    return {str(name): body for name, body in mapping(value).items() if isinstance(body, dict)}


def listed(value: Any) -> list[Any]:
    """The value if it is a list, or an empty one."""
    return value if isinstance(value, list) else []


def stages(recipe: dict[str, Any], params: dict[str, Any]) -> list[Stage]:
    """Every stage in dvc.yaml's order, matrices expanded.

    Args:
        recipe: dvc.yaml's contents.
        params: params.yaml's, for interpolated values.
    """
    found = []
    for name, body in sections(recipe.get("stages")).items():
        matrix = {key: listed(values) for key, values in mapping(body.get("matrix")).items()}
        if not matrix:
            found.append(_stage(name, body, params))
        for key, values in matrix.items():  # the recipe's matrices have one key each
            for value in values:
                known = {**params, "item": {key: value}}
                found.append(_stage(f"{name}@{value}", body, known))
    return found


def parents(all_stages: list[Stage]) -> dict[str, list[str]]:
    """Names of the stages whose output each stage reads, without those that another parent already implies."""
    makers = [(f"{out}/", stage.name) for stage in all_stages for out in stage.written]
    direct: dict[str, set[str]] = {stage.name: set() for stage in all_stages}
    for stage in all_stages:
        for dep in (f"{path}/" for path in stage.deps):  # the slash keeps data/models/base from base_qwen
            direct[stage.name] |= {maker for out, maker in makers if dep.startswith(out) or out.startswith(dep)}
        direct[stage.name].discard(stage.name)
    before: dict[str, set[str]] = {}

    def ancestors(name: str) -> set[str]:
        if name not in before:
            before[name] = set()  # a cycle, which DVC rejects, would otherwise never end
            before[name] = direct[name].union(*(ancestors(parent) for parent in direct[name]))
        return before[name]

    order = {stage.name: number for number, stage in enumerate(all_stages)}
    return {
        name: sorted(
            (one for one in direct[name] if not any(one in ancestors(other) for other in direct[name] - {one})),
            key=order.__getitem__,
        )
        for name in direct
    }


def _stage(name: str, body: dict[str, Any], known: dict[str, Any]) -> Stage:
    outs, metrics, plots = (
        tuple(_fill(path, known) for path in _paths(listed(body.get(key)))) for key in ("outs", "metrics", "plots")
    )
    curve = next((path for path in plots if PurePosixPath(path).parent.name == "plots"), None)
    metric = next((path for path in metrics if path.startswith(_METRICS)), f"{_METRICS}{name}.json")
    run = metric.removeprefix(_METRICS).removesuffix(".json")
    words = _fill(str(body.get("cmd", "")), known).split()
    command = tuple(words[next((at for at, word in enumerate(words) if word.endswith(".py")), len(words)) :])
    deps = tuple(_fill(path, known) for path in _paths(listed(body.get("deps"))))
    return Stage(name, run, str(body.get("desc", "")), command, deps, outs, (*outs, *metrics, *plots), curve)


def _paths(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        yield from entry if isinstance(entry, dict) else (str(entry),)


def _fill(text: str, known: dict[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found: Any = known
        for key in match[1].split("."):
            found = mapping(found).get(key)
        return match[0] if found is None or isinstance(found, (dict, list)) else str(found)

    return _FIELD.sub(value, text)
