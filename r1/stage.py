"""From the command line into a stage: compose, validate, run, write the artifact with its manifest.

params.yaml is the primary configuration, so `dvc repro`, `dvc exp run -S …` and a
stage run by hand agree; overrides on the command line come on top.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import hydra
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ValidationError

from r1.artifacts import check_whole, code_hash, content_hash, write_aside, write_json, write_manifest
from r1.config import Config
from r1.errors import ConfigurationError, UserError, reported
from r1.processes import is_main, spread_by
from r1.sandbox.process import require, use

CHECKPOINTS = Path("data/.checkpoints")
STOPPED = "STOPPED"
"""In a run's folder of checkpoints: the diagnosis of the guard that ended it. No run deletes such a folder."""
_TIMED = ("seconds", "tokens_per_second", "phases")
"""Metrics that the clock decides."""
_HARMLESS = (
    *("max_kl", "min_entropy", "patience", "checkpoint_steps"),
    *("api_key_env", "max_concurrency", "timeout", "retries", "address", "replicas", "group_port"),
)
_HYDRA = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=none", "hydra/hydra_logging=none")


class _PartDone(Exception):
    """Ends a stage in a process whose part was to train along: what is left is the main one's."""


@dataclass(frozen=True)
class Run:
    """One run of a stage, in one process or in several that train together, of which the main one writes.

    Attributes:
        name: the artifact being made, such as `zero` or `distill_qwen`.
        config: only the sections the stage declared to read; others raise AttributeError.
        params: the same as plain values, for the manifest.
        script: the stage's script.
    """

    name: str
    config: Config
    params: dict[str, Any]
    script: Path

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
        """A directory that becomes the artifact `target` when the block ends well, with a manifest.

        In processes beside the main one the stage ends here, with success.

        Args:
            target: path from the project's root.
            inputs: what it is made from, with hashes, as `inputs` gives them.
            counts: what it holds; may be filled within the block.
            metrics: where its metrics are, if not in data/metrics/<name>.json.
        """
        if not is_main():
            raise _PartDone
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
                    "counts": counts,
                    "metrics": metrics or f"data/metrics/{self.name}.json",
                },
            )

    @contextmanager
    def checkpoints(self, inputs: Mapping[str, str]) -> Iterator[Path]:
        """A folder for the checkpoints of this very run, same seed, params, code and inputs, until the block ends well.

        Limits of the guards, the interval of checkpoints and the manners towards an endpoint decide no weight and no
        completion: with others it is still the same run.

        A run that was killed finds its own there; those of other runs of this name are
        deleted, but for runs that a guard stopped: what these learned is the user's to delete.

        Raises:
            UserError: if a guard stopped this very run before, since it would end the same way.
        """
        decisive = _without(self.params, _HARMLESS)
        decides = [self.config.seed, decisive, dict(inputs), code_hash(self.script)]
        if (spread := spread_by()) is not None:
            decides.append(spread)  # no other way of launching reads its checkpoints
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

    def metrics(self, values: dict[str, Any]) -> None:
        """Write data/metrics/<name>.json, and what the clock decides beside it, in throughput/.

        So that equal runs write equal files.
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


def stage(*reads: str, makes: tuple[str, ...] = ()) -> Callable[[Callable[[Run], None]], Callable[[], None]]:
    """Make a function a stage script's entry point.

    Args:
        reads: sections of the configuration that the stage may read; `{model}`
            stands for the section of the model it makes.
        makes: for a stage that makes one of several, the names `model=` may have.
    """

    def decorate(function: Callable[[Run], None]) -> Callable[[], None]:
        def main() -> None:
            script = Path(sys.argv[0]).resolve()
            os.chdir(script.parent.parent)
            signal.signal(signal.SIGTERM, _terminate)
            if not is_main():
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # until the process ends

            @reported()
            def task(composed: DictConfig) -> None:
                config = validate(OmegaConf.to_container(composed, resolve=True))
                name = _made(config, makes) or script.stem
                sections = [section.format(model=name) for section in reads]
                _prepare_environment(config)
                chosen = {section: getattr(config, section) for section in ("seed", *sections)}
                run = Run(
                    name=name,
                    config=cast(Config, SimpleNamespace(**chosen)),
                    params={key: _plain(value) for key, value in chosen.items()},
                    script=script,
                )
                with suppress(_PartDone):
                    function(run)

            flags, overrides, groups = _sort_arguments(sys.argv[1:])
            sys.argv[1:] = [*_HYDRA, *overrides, *flags]
            with reported(), TemporaryDirectory() as directory:
                OmegaConf.save(_with_groups(groups), Path(directory, "params.yaml"))
                hydra.main(version_base="1.3", config_path=directory, config_name="params")(task)()
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is written: let libraries shut down in peace

        main.reads = reads  # type: ignore[attr-defined]
        return main

    return decorate


def _terminate(*_: Any) -> NoReturn:
    """SIGTERM unwinds like Ctrl-C: what was being written aside is removed."""
    raise KeyboardInterrupt


def validate(values: Any) -> Config:
    """The typed configuration.

    Raises:
        ConfigurationError: with a line per mistake that names the key, the value and what is allowed.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(*(_explain(detail, values) for detail in error.errors())) from None


def _explain(detail: Any, values: Any) -> str:
    key = ".".join(_settable(detail["loc"], values, missing=detail["type"] == "missing"))
    message = detail["msg"].removeprefix("Value error, ")
    if not key:  # a check of the whole configuration, which names its key itself
        return str(message)
    return f"{key}: {message}" if isinstance(detail["input"], dict) else f"{key} = {detail['input']!r}: {message}"


def _settable(location: tuple[Any, ...], values: Any, missing: bool) -> Iterator[str]:
    """The parts of a key that a user can set: pydantic also names the choice of a union and `[key]`."""
    for number, part in enumerate(location):
        known = isinstance(values, dict) and part in values
        if known or isinstance(part, int) or (missing and number == len(location) - 1):
            yield str(part)
        if known:
            values = values[part]


def _made(config: Config, makes: tuple[str, ...]) -> str | None:
    if not makes:
        return None
    if config.model not in makes:
        raise ConfigurationError(f"model = {config.model!r}: this stage makes one of {', '.join(makes)}")
    return config.model


def _without(params: Any, keys: Collection[str]) -> Any:
    if not isinstance(params, dict):
        return params
    return {key: _without(value, keys) for key, value in params.items() if key not in keys}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _sort_arguments(arguments: list[str]) -> tuple[list[str], list[str], dict[str, str]]:
    """Hydra's flags, overrides of keys, and choices of groups (`rl/algorithm=…`, `engine@evaluate.engine=…`).

    Unknown keys are let through (`++`) to our own schema, which says what is allowed.
    """
    flags, overrides, groups = [], [], {}
    known = {path.parent.relative_to("conf").as_posix() for path in Path("conf").glob("*/**/*.yaml")}
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if argument.startswith("-") or not (separator or argument.startswith("~")):
            flags.append(argument)
        elif key.partition("@")[0] in known:
            groups[key] = value
        else:
            overrides.append(argument if key[:1] in "+~" or key.startswith("hydra") else f"++{argument}")
    return flags, overrides, groups


def _with_groups(groups: dict[str, str]) -> DictConfig:
    """params.yaml with another choice for some groups; or conf/ composed anew.

    Hydra itself could only merge a choice over params.yaml, which has no
    defaults list, and would leave the keys of the former choice behind.
    Groups that set keys all over (`@package _global_`: profile, code) have conf/
    composed anew, with params.yaml's profile.
    """
    if not Path("params.yaml").is_file():
        raise UserError("params.yaml is missing: `make params` writes it")
    files = {key: _group_file(key, choice) for key, choice in groups.items()}
    places = {key: _place(key, path) for key, path in files.items()}
    composed = cast(DictConfig, OmegaConf.load("params.yaml"))
    if "_global_" in places.values():
        chosen = {"profile": composed.profile, **groups}
        with hydra.initialize_config_dir(os.path.abspath("conf"), version_base="1.3"):
            return hydra.compose("config", overrides=[f"{key}={choice}" for key, choice in chosen.items()])
    for key, path in files.items():
        OmegaConf.update(composed, places[key], OmegaConf.load(path), merge=False)
    return composed


def _place(key: str, path: Path) -> str:
    """The key that a group's choice fills: as the user says (`engine@…`), as the file's header says, or its folder."""
    group, _, package = key.partition("@")
    header = re.match(r"# @package (\S+)", path.read_text())
    return package or (header[1] if header else group.replace("/", "."))


def _group_file(key: str, choice: str) -> Path:
    """The file of a choice: one that stands in its group's folder, so that `../x` or `/x` is none."""
    files = {path.stem: path for path in Path("conf", key.partition("@")[0]).glob("*.yaml")}
    if choice not in files:
        raise ConfigurationError(f"{key} = {choice!r}: allowed: {', '.join(sorted(files))}")
    return files[choice]


def check_groups(overrides: list[str]) -> None:
    """Refuse choices of groups that conf/ does not have; Hydra itself would follow a path out of it.

    Raises:
        ConfigurationError: naming the group and its choices.
    """
    for key, choice in _sort_arguments(overrides)[2].items():
        _group_file(key, choice)


def _prepare_environment(config: Config) -> None:
    """No telemetry, no network call in an offline profile, and the policy for model-written code.

    Libraries read the variables when they are imported. HF_HUB_DISABLE_TELEMETRY is the hub's, transformers' and
    TRL's; vLLM has two of its own and turns off Ray's; trackers (W&B, …) are off by `report_to`, DVC's analytics
    and update check by .dvc/config.
    """
    for name in ("HF_HUB_DISABLE_TELEMETRY", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "TRL_EXPERIMENTAL_SILENCE"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    if config.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    use(config.sandbox)
    if config.prepare.has_code:
        require()  # better now than after an hour, at the first completion
