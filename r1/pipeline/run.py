"""One run of a stage: what it may read, where it writes, how it resumes."""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from r1.config.training import TrainingConfig
from r1.pipeline.code import code_hash
from r1.support.artifacts import check_whole, content_hash, write_aside, write_json, write_manifest
from r1.support.errors import UserError
from r1.support.processes import is_main, sharded_by
from r1.training.context import STOPPED, Trained, TrainingContext

CHECKPOINTS = Path("data/.checkpoints")
_TIMED = ("seconds", "tokens_per_second", "phases")
"""Metrics that the clock decides."""
_HARMLESS = (
    *("max_kl", "min_entropy", "patience", "checkpoint_steps"),
    *("api_key_env", "max_concurrency", "timeout", "retries", "address", "replicas", "group_port"),
)
"""Keys that decide no weight and no completion: with other values it is still the same run."""


@dataclass(frozen=True)
class Sections:
    """The sections of the configuration that a stage reads; it declares them as fields of a subclass.

    A field `made` stands for the section of the model that the stage makes.
    """

    seed: int


@dataclass(frozen=True)
class TrainingSections(Sections):
    """Of a stage that trains."""

    training: TrainingConfig


S = TypeVar("S", bound=Sections, covariant=True)


class PartDone(Exception):
    """Ends a stage in a process whose part was to train along: what is left is the main one's."""


@dataclass(frozen=True)
class Run(Generic[S]):
    """One run of a stage, in one process or in several that train together, of which the main one writes.

    Attributes:
        name: what is made, such as `zero` or `distill_qwen`.
        config: the sections that the stage declared.
        params: the same as plain values by section, for the manifest.
        script: the stage's script.
        plugins: code of others that it uses: import path and hash.
    """

    name: str
    config: S
    params: dict[str, Any]
    script: Path
    plugins: Mapping[str, str] = field(default_factory=dict)

    def inputs(self, *paths: str) -> dict[str, str]:
        """What an artifact is made from: paths of artifacts, or of files in them, and the hash of each.

        To be called before anything is read.

        Raises:
            BrokenArtifact: if one is missing, cut short, or was changed after it was written.
        """
        for artifact in sorted({os.path.dirname(path) if Path(path).suffix else path for path in paths}):
            check_whole(Path(artifact))
        return {path: content_hash(Path(path)) for path in paths}

    @contextmanager
    def artifact(
        self, target: str, inputs: Mapping[str, str], counts: dict[str, Any], metrics: str | None = None
    ) -> Iterator[Path]:
        """A directory that becomes the artifact `target`, with a manifest, when the block ends well.

        In processes beside the main one the stage ends here, with success.

        Args:
            target: path from the project's root.
            inputs: what it is made from, with hashes, as `inputs` gives them.
            counts: what it holds; may be filled within the block.
            metrics: where its metrics are, if not in data/metrics/<name>.json.
        """
        if not is_main():
            raise PartDone
        with write_aside(Path(target)) as directory:
            yield directory
            write_manifest(
                directory,
                {
                    "artifact": target,
                    "stage": self.script.stem,
                    "seed": self.config.seed,
                    "params": self.params,
                    "inputs": dict(inputs),
                    "code": code_hash(self.script),
                    **({"plugins": dict(self.plugins)} if self.plugins else {}),
                    "counts": counts,
                    "metrics": metrics or f"data/metrics/{self.name}.json",
                },
            )

    def write_model(self, target: str, trained: Trained, inputs: Mapping[str, str]) -> None:
        """Write a trained model as the artifact `target`, and its metrics."""
        with self.artifact(target, inputs, dict(trained.counts)) as directory:
            trained.save(directory)
        self.metrics(trained.metrics)

    @contextmanager
    def checkpoints(self, inputs: Mapping[str, str]) -> Iterator[Path]:
        """A folder for the checkpoints of this very run, same seed, params, code and inputs, until the block ends well.

        A killed run finds its own there; those of other runs of this name are
        deleted, except those of runs that a guard stopped: these are the user's to delete.

        Raises:
            UserError: if a guard stopped this very run before, since it would end the same way.
        """
        decides = [self.config.seed, _without(self.params, _HARMLESS), dict(inputs), code_hash(self.script)]
        if self.plugins:
            decides.append(dict(self.plugins))
        if (sharded := sharded_by()) is not None:
            decides.append(sharded)  # no other way of launching reads its checkpoints
        identity = json.dumps(decides, sort_keys=True)
        folder = CHECKPOINTS / self.name / hashlib.sha256(identity.encode()).hexdigest()[:16]
        for other in folder.parent.glob("*") if is_main() else ():
            if other != folder and not (other / STOPPED).exists():
                shutil.rmtree(other)
        if (folder / STOPPED).exists():
            raise UserError(f"{self.name} is not run again as it was: it {(folder / STOPPED).read_text()}")
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        shutil.rmtree(folder)

    @contextmanager
    def training(self: "Run[TrainingSections]", inputs: Mapping[str, str]) -> Iterator[TrainingContext]:
        """Where a training runs, with this run's checkpoints until the block ends well."""
        with self.checkpoints(inputs) as folder:
            yield TrainingContext(self.config.seed, self.curve, folder, self.config.training)

    def metrics(self, values: dict[str, Any]) -> None:
        """Write data/metrics/<name>.json, and what the clock decides in throughput/ beside it.

        So equal runs write equal files.
        """
        timed = {key: value for key, value in values.items() if key in _TIMED}
        if timed:
            write_json(Path(f"data/metrics/throughput/{self.name}.json"), timed)
        write_json(
            Path(f"data/metrics/{self.name}.json"), {key: value for key, value in values.items() if key not in timed}
        )

    @property
    def curve(self) -> Path:
        """Where this run's learning curve goes."""
        return Path(f"data/plots/{self.name}.csv")


def _without(params: Any, keys: Collection[str]) -> Any:
    if not isinstance(params, dict):
        return params
    return {key: _without(value, keys) for key, value in params.items() if key not in keys}
