"""From a stage script's command line to its function: params.yaml plus dotted overrides, checked, then run."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import hydra
from omegaconf import DictConfig
from pydantic import BaseModel

from r1.config.plugin_users import plugin_users
from r1.config.recipe import Config
from r1.pipeline.compose import PARAMS, base_params, stage_overrides, to_plain, validate
from r1.pipeline.plugins import hashes
from r1.pipeline.run import PartDone, Run, Sections
from r1.sandbox.process import require, use
from r1.support.errors import ConfigurationError, reported
from r1.support.plugins import use_folder
from r1.support.processes import is_main

S = TypeVar("S", bound=Sections)
_FLAGS = {"--cfg": 1, "--package": 1, "--resolve": 0, "--info": 1, "--help": 0}
"""Hydra's flags that a stage has, and how many values each takes."""
_HYDRA = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=none", "hydra/hydra_logging=none")


def stage(
    reads: type[S], makes: tuple[str, ...] = (), samples: bool = False
) -> Callable[[Callable[[Run[S]], None]], Callable[[], None]]:
    """Make a function a stage script's entry point.

    Args:
        reads: the sections of the configuration that it reads.
        makes: for a stage that makes one of several, the names `model=` may have.
        samples: it does nothing but sample, so that one node is enough for it.
    """

    def decorate(function: Callable[[Run[S]], None]) -> Callable[[], None]:
        def main() -> None:
            script = Path(sys.argv[0]).resolve()
            os.chdir(script.parent.parent)
            signal.signal(signal.SIGTERM, _terminate)
            if not is_main():
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # until the process ends

            @reported()
            def task(composed: DictConfig) -> None:
                config = validate(to_plain(composed))
                name = _made(config, makes) or script.stem
                _prepare_environment(config)
                with suppress(PartDone):
                    function(_run(name, config, reads, script))

            with reported():
                base_params()
                flags, overrides = _sort_arguments(sys.argv[1:])
                sys.argv[1:] = [*_HYDRA, *stage_overrides(overrides), *flags]
                hydra.main(version_base="1.3", config_path=os.getcwd(), config_name=PARAMS.stem)(task)()
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is written: let libraries shut down in peace

        main.reads, main.makes, main.samples = reads, makes, samples  # type: ignore[attr-defined]
        return main

    return decorate


def _run(name: str, config: Config, reads: type[S], script: Path) -> Run[S]:
    """The run, with nothing of the configuration but the sections that the stage reads."""
    sections = {field.name: name if field.name == "made" else field.name for field in fields(reads)}
    chosen = {field: getattr(config, section) for field, section in sections.items()}
    params = {section: _plain(chosen[field]) for field, section in sections.items()}
    users = plugin_users(config)
    plugins = hashes(config.plugins, users.get(script.stem, users.get(name, ())))
    return Run(name=name, config=reads(**chosen), params=params, script=script, plugins=plugins)


def _sort_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags that show a configuration, with their values, and overrides.

    Raises:
        ConfigurationError: for any other flag.
    """
    flags, overrides, rest = [], [], list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-"):
            overrides.append(argument)
        elif argument in ("-m", "--multirun"):
            raise ConfigurationError(f"{argument}: one run at a time; `dvc exp run --queue -S …` queues several")
        elif argument in _FLAGS:
            flags += [argument, *rest[: _FLAGS[argument]]]
            del rest[: _FLAGS[argument]]
        else:
            raise ConfigurationError(f"{argument}: allowed flags: {', '.join(_FLAGS)}")
    return flags, overrides


def _terminate(*_: Any) -> NoReturn:
    """SIGTERM unwinds like Ctrl-C: what was being written aside is removed."""
    raise KeyboardInterrupt


def _made(config: Config, makes: tuple[str, ...]) -> str | None:
    if not makes:
        return None
    if config.model not in makes:
        raise ConfigurationError(f"model = {config.model!r}: this stage makes one of {', '.join(makes)}")
    return config.model


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


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
    use_folder(config.plugins)
    use(config.sandbox)
    if config.prepare.has_code:
        require()  # better now than after an hour, at the first completion
