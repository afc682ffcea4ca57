"""What ran, runs and waits, from the files of a project alone: nothing is hashed, and DVC is not asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml

from r1.training.context import STOPPED
from r1.watch.activity import Activity, is_fresh
from r1.watch.curves import LIVE, Curves
from r1.watch.files import Cache, version
from r1.watch.graph import Stage, listed, mapping, parents, sections, stages

State = Literal["done", "outdated", "runs", "interrupted", "failed", "waits"]
_EMPTY: dict[str, Any] = {}
CHECKPOINTS = Path("data") / ".checkpoints"


class Project:
    """Reads a project's state.

    Attributes:
        root: the project's folder.
        curves: reader of learning curves.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.curves = root, Curves()
        self._activity = Activity(root)
        self._yaml: Cache[dict[str, Any]] = Cache(8)
        self._graph: tuple[tuple[dict[str, Any], ...], tuple[list[Stage], dict[str, list[str]]]] | None = None

    def graph(self) -> tuple[list[Stage], dict[str, list[str]]]:
        """The recipe's stages in dvc.yaml's order, and the parents of each."""
        read = self._read("dvc.yaml"), self._read("params.yaml")
        if self._graph is None or any(new is not old for new, old in zip(read, self._graph[0], strict=True)):
            found = stages(*read)
            self._graph = read, (found, parents(found))
        return self._graph[1]

    def state(self) -> dict[str, Any]:
        """Return `name` of the project and `stages`: one per stage, with what the page shows of it."""
        found, edges = self.graph()
        running = self._activity.running(found)
        return {
            "name": self.root.resolve().name,
            "stages": [
                {**self._describe(stage, stage.name in running), "parents": edges[stage.name]} for stage in found
            ],
        }

    def curve(self, run: str) -> dict[str, Any] | None:
        """The curve of a run, the one in progress if there is one; None if no stage has that name."""
        stage = next((one for one in self.graph()[0] if one.run == run and one.curve), None)
        return None if stage is None else self.curves.read(self._curve_file(stage, self.checkpoints(run)))

    def checkpoints(self, run: str) -> Path | None:
        """The checkpoint folder of the run in progress or interrupted: the newest one; None if there is none."""
        folders = [path for path in (self.root / CHECKPOINTS / run).glob("*") if path.is_dir()]
        return max(folders, key=_newest, default=None)

    def _describe(self, stage: Stage, running: bool) -> dict[str, Any]:
        folder = self.checkpoints(stage.run)
        made = [self.root / out for out in stage.outs]
        finished = max((_time(path) for path in made), default=0.0) if all(map(Path.exists, made)) else 0.0
        diagnosis = self._diagnosis(folder, finished)
        reasons = self._changes(stage) if finished else []
        state: State
        written = _newest(folder) if folder else 0.0
        if running or (not diagnosis and written > finished and is_fresh(written)):
            state, diagnosis = "runs", None
        elif diagnosis:
            state = "failed"
        elif folder and not (folder / STOPPED).exists():
            state = "interrupted"
        elif finished:
            state = "outdated" if reasons else "done"
        else:
            state = "waits"
        return {
            "name": stage.name,
            "run": stage.run,
            "about": stage.about,
            "state": state,
            "curve": stage.curve is not None,
            "step": self.curves.read(self._curve_file(stage, folder))["last"]
            if stage.curve and state != "waits"
            else 0,
            "steps": _find(self._read("params.yaml").get(stage.run, {}), "max_steps"),
            "time": finished if state in ("done", "outdated") else written,
            "diagnosis": diagnosis,
            "reasons": reasons if state == "outdated" else [],
        }

    def _curve_file(self, stage: Stage, folder: Path | None) -> Path:
        live = folder / LIVE if folder else None
        done = self.root / str(stage.curve)
        return live if live and live.exists() and _time(live) > _time(done) - 1 else done

    def _diagnosis(self, folder: Path | None, finished: float) -> str | None:
        """Why a guard ended the newest run, unless the stage has finished since."""
        file = folder / STOPPED if folder else None
        if file is None or _time(file) <= finished:
            return None
        try:
            return file.read_text(errors="replace")
        except OSError:
            return None

    def _changes(self, stage: Stage) -> list[str]:
        """What dvc.lock shows to have changed since the stage ran: settings, and inputs that were made anew."""
        locked = sections(self._read("dvc.lock").get("stages"))
        mine = locked.get(stage.name)
        if mine is None:
            return ["not in dvc.lock: run by hand"]
        params = self._read("params.yaml")
        settings = [
            f"setting {key}"
            for key, value in mapping(mapping(mine.get("params")).get("params.yaml")).items()
            if _at(params, key) != value
        ]
        made = {path: md5 for entry in locked.values() for path, md5 in _hashes(entry.get("outs"))}
        inputs = [f"input {path}" for path, md5 in _hashes(mine.get("deps")) if path in made and made[path] != md5]
        return settings + inputs

    def _read(self, name: str) -> dict[str, Any]:
        """A YAML file of the project; empty if it is missing or half written, as DVC leaves it for a moment."""
        file = self.root / name
        try:
            return self._yaml.get(file, lambda: dict(yaml.load(file.read_text(), yaml.CSafeLoader) or {})) or _EMPTY
        except (yaml.YAMLError, OSError, ValueError, TypeError):
            return _EMPTY


def _hashes(entries: Any) -> Iterator[tuple[str, Any]]:
    """Path and hash of dependencies or outputs in dvc.lock."""
    for entry in listed(entries):
        if "path" in mapping(entry):
            yield str(entry["path"]), entry.get("md5")


def _newest(folder: Path) -> float:
    """Time of the newest entry directly in a folder, or of the folder itself, in seconds."""
    try:
        return max(map(_time, (folder, folder / "rollouts", *folder.iterdir())))
    except OSError:
        return 0.0


def _time(path: Path) -> float:
    found = version(path)
    return found[0] / 1e9 if found else 0.0


def _find(value: Any, key: str) -> int | None:
    """The first whole number under a key, at any depth."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get(key), int):
        return int(value[key])
    return next((found for one in value.values() if (found := _find(one, key)) is not None), None)


def _at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = mapping(values).get(part)
    return values
