"""One run of a stage: its configuration sections, artifacts, metrics and checkpoints."""

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
from r1.support.artifacts import check_whole, content_hash, write_aside, write_json, write_manifest
from r1.support.code import code_hash
from r1.support.errors import UserError
from r1.support.processes import is_main, once_per_machine, sharded_by
from r1.training.context import STOPPED, Trained, TrainingContext

CHECKPOINTS = Path("data/.checkpoints")
_TIMED = ("seconds", "tokens_per_second", "phases")
"""Metrics that depend on the clock."""
_HARMLESS = (
    *("max_kl", "min_entropy", "max_entropy", "min_length", "max_truncated", "max_reward_drop", "max_sampler_kl"),
    *("patience", "checkpoint_steps", "rollouts_mib"),
    *("api_key_env", "max_concurrency", "timeout", "retries", "address", "replicas", "group_port"),
)
"""Keys that affect no weight and no completion: a run with other values can resume from the same checkpoints."""


@dataclass(frozen=True)
class Sections:
    """Configuration sections that a stage reads, declared as fields of a subclass.

    A field `made` stands for the section of the model that the stage trains.
    """

    seed: int


@dataclass(frozen=True)
class TrainingSections(Sections):
    """Sections of a stage that trains."""

    training: TrainingConfig


S = TypeVar("S", bound=Sections, covariant=True)


class PartDone(Exception):
    """Ends a stage in a non-main process after training: only the main process writes the artifact."""


@dataclass(frozen=True)
class Run(Generic[S]):
    """One run of a stage, in one process or distributed; only the main process writes.

    Attributes:
        name: name of the result, such as `zero` or `distill_qwen`.
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
        """Verify the inputs, artifacts or files in them, and return the hash of each path.

        Call it before reading any of them. The processes of a machine share one pass over the files.

        Raises:
            BrokenArtifact: if one is missing, truncated, or was changed after it was written.
        """
        artifacts = {path: Path(os.path.dirname(path) if Path(path).suffix else path) for path in paths}

        def verify() -> dict[str, str]:
            whole = {artifact: check_whole(artifact) for artifact in sorted({*artifacts.values()})}
            return {path: whole.get(Path(path)) or content_hash(Path(path)) for path in paths}

        hashed: dict[str, str] = once_per_machine(
            CHECKPOINTS / ".inputs" / self.name, _stat(*artifacts.values()), verify
        )
        return hashed

    @contextmanager
    def artifact(
        self, target: str, inputs: Mapping[str, str], counts: dict[str, Any], metrics: str | None = None
    ) -> Iterator[Path]:
        """Yield a directory that becomes the artifact `target`, with a manifest, if the block succeeds.

        Processes other than the main one end the stage here, successfully.

        Args:
            target: path from the project root.
            inputs: paths and hashes, as `inputs` returns them.
            counts: counts of its contents; may be filled within the block.
            metrics: path of its metrics if not data/metrics/<name>.json.
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
        """Write a trained model as artifact `target`, its rollouts as data/rollouts/<name>, and its metrics."""
        with self.artifact(target, inputs, dict(trained.counts)) as directory:
            trained.save(directory)
        if trained.rollouts is not None:
            counts: dict[str, Any] = {}
            with self.artifact(f"data/rollouts/{self.name}", inputs, counts) as directory:
                counts["rounds"] = trained.save_rollouts(directory)
        self.metrics(trained.metrics)

    @contextmanager
    def checkpoints(self, inputs: Mapping[str, str]) -> Iterator[Path]:
        """Yield a folder for checkpoints of this run (same seed, params, code, inputs); deleted if the block succeeds.

        A killed run resumes from it. Checkpoints of other runs with this name are
        deleted, except those of runs that a guard stopped, which are left to the user.

        Raises:
            UserError: if a guard stopped this same run before, since it would end the same way.
        """
        decides = [self.config.seed, _without(self.params, _HARMLESS), dict(inputs), code_hash(self.script)]
        if self.plugins:
            decides.append(dict(self.plugins))
        if (sharded := sharded_by()) is not None:
            decides.append(sharded)  # sharded checkpoints can be read only under the same sharding
        identity = json.dumps(decides, sort_keys=True)
        folder = CHECKPOINTS / self.name / hashlib.sha256(identity.encode()).hexdigest()[:16]
        for other in folder.parent.glob("*") if is_main() else ():
            if other != folder and not (other / STOPPED).exists():
                shutil.rmtree(other)
        if (folder / STOPPED).exists():
            raise UserError(f"{self.name} is not run again with the same settings: it {(folder / STOPPED).read_text()}")
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        shutil.rmtree(folder)

    @contextmanager
    def training(self: "Run[TrainingSections]", inputs: Mapping[str, str]) -> Iterator[TrainingContext]:
        """Yield a training context with this run's checkpoints, which are deleted if the block succeeds."""
        with self.checkpoints(inputs) as folder:
            yield TrainingContext(self.config.seed, self.curve, folder, self.config.training)

    def metrics(self, values: dict[str, Any]) -> None:
        """Write data/metrics/<name>.json, with clock-dependent metrics in throughput/ beside it.

        Equal runs therefore write equal metrics.
        """
        timed = {key: value for key, value in values.items() if key in _TIMED}
        if timed:
            write_json(Path(f"data/metrics/throughput/{self.name}.json"), timed)
        write_json(
            Path(f"data/metrics/{self.name}.json"), {key: value for key, value in values.items() if key not in timed}
        )

    @property
    def curve(self) -> Path:
        """Path of this run's learning curve."""
        return Path(f"data/plots/{self.name}.csv")


def _without(params: Any, keys: Collection[str]) -> Any:
    if not isinstance(params, dict):
        return params
    return {key: _without(value, keys) for key, value in params.items() if key not in keys}


def _stat(*folders: Path) -> str:
    """What the file system says of all files in some folders: it differs once any of them has been written to."""
    files = sorted({file for folder in folders for file in (folder, *folder.rglob("*")) if file.exists()})
    states = [(str(file), *((state := file.stat()).st_ino, state.st_size, state.st_ctime_ns)) for file in files]
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()
