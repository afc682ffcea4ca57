"""From a stage script's command line to its function: params.yaml plus dotted overrides, checked, then run."""

import os
import signal
import sys
from argparse import SUPPRESS, RawDescriptionHelpFormatter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from omegaconf import OmegaConf
from pydantic import BaseModel

from r1.config.recipe import Config
from r1.pipeline.arguments import Parser
from r1.pipeline.compose import load
from r1.pipeline.run import PartDone, Run, Sections
from r1.sandbox.process import require_sandbox, set_policy
from r1.support.errors import ConfigurationError, reported
from r1.support.log import configure
from r1.support.processes import is_main

S = TypeVar("S", bound=Sections)


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
            configure()
            if not is_main():
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # until the process ends

            with reported():
                arguments = _parser(script, function.__globals__["__doc__"]).parse_args()
                if arguments.multirun:
                    raise ConfigurationError("--multirun: a run is one; `dvc exp run --queue -S …` queues several")
                config = load(arguments.overrides)
                if arguments.cfg:
                    print(OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json"))))
                    return
                name = _made(config, makes) or script.stem
                _prepare_environment(config)
                with suppress(PartDone):
                    function(_run(name, config, reads, script))
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is written: let libraries shut down in peace

        main.reads, main.makes, main.samples = reads, makes, samples  # type: ignore[attr-defined]
        return main

    return decorate


def _run(name: str, config: Config, reads: type[S], script: Path) -> Run[S]:
    """The run, with nothing of the configuration but the sections that the stage reads."""
    sections = {field.name: name if field.name == "made" else field.name for field in fields(reads)}
    chosen = {field: getattr(config, section) for field, section in sections.items()}
    params = {section: _plain(chosen[field]) for field, section in sections.items()}
    return Run(name=name, config=reads(**chosen), params=params, script=script)


def _parser(script: Path, description: str) -> Parser:
    parser = Parser(
        prog=f"python stages/{script.name}",
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--cfg", choices=["job"], help="print the configuration, run nothing")
    parser.add_argument("-m", "--multirun", action="store_true", help=SUPPRESS)  # Hydra's, answered with ours
    parser.add_argument("overrides", nargs="*", help="dotted overrides of params.yaml, such as seed=3")
    return parser


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
    if config.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    set_policy(config.sandbox)
    if config.prepare.has_code:
        require_sandbox()  # better now than after an hour, at the first completion
