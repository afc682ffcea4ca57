"""Entry point of stage scripts: load params.yaml with dotted overrides, validate, run."""

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

from r1.config.plugin_users import plugin_users
from r1.config.recipe import Config
from r1.pipeline.arguments import Parser
from r1.pipeline.compose import check_given_once, load
from r1.pipeline.plugins import hashes
from r1.pipeline.run import PartDone, Run, Sections, TrainingSections
from r1.pipeline.tracking import set_tracker
from r1.plugins import use_folder
from r1.sandbox.process import require_sandbox, set_policy
from r1.support.errors import ConfigurationError, reported
from r1.support.log import configure
from r1.support.processes import is_main

S = TypeVar("S", bound=Sections)


def stage(
    reads: type[S],
    makes: tuple[str, ...] = (),
    samples: bool = False,
    report: Callable[[Config], None] | None = None,
) -> Callable[[Callable[[Run[S]], None]], Callable[[], None]]:
    """Turn a function into a stage script's entry point.

    Args:
        reads: configuration sections that the stage reads.
        makes: allowed values of `model=`, for a stage that makes one of several models.
        samples: True if the stage only samples, so that one node suffices.
        report: what it says of later stages once it is done, which goes to the terminal only.
    """

    def decorate(function: Callable[[Run[S]], None]) -> Callable[[], None]:
        def main() -> None:
            script = Path(sys.argv[0]).resolve()
            os.chdir(script.parent.parent)
            signal.signal(signal.SIGTERM, terminate)
            configure()
            if not is_main():
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # until the process ends

            with reported():
                arguments = _parser(script, function.__globals__["__doc__"]).parse_args()
                if arguments.multirun:
                    raise ConfigurationError("--multirun is not supported; `dvc exp run --queue -S …` queues runs")
                check_given_once(arguments.overrides)
                config = load(arguments.overrides)
                if arguments.cfg:
                    print(OmegaConf.to_yaml(OmegaConf.create(config.model_dump(mode="json"))))
                    return
                name = _made(config, makes) or script.stem
                prepare_environment(config)
                set_tracker(config.tracking, name, config.offline)
                if issubclass(reads, TrainingSections):
                    use_one_gpu()
                    if config.tracking != "none":
                        from r1.pipeline.contained import contain  # imports transformers

                        contain(config.tracking)
                with suppress(PartDone):
                    function(_run(name, config, reads, script))
                    if report is not None:
                        report(config)
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # everything is written: let libraries shut down

        main.reads, main.makes, main.samples = reads, makes, samples  # type: ignore[attr-defined]
        return main

    return decorate


def _run(name: str, config: Config, reads: type[S], script: Path) -> Run[S]:
    """Build the run with only those configuration sections that the stage reads."""
    sections = {field.name: name if field.name == "made" else field.name for field in fields(reads)}
    chosen = {field: getattr(config, section) for field, section in sections.items()}
    params = {section: _plain(chosen[field]) for field, section in sections.items()}
    users = plugin_users(config)
    plugins = hashes(config.plugins, users.get(script.stem, users.get(name, ())))
    return Run(name=name, config=reads(**chosen), params=params, script=script, plugins=plugins)


def _parser(script: Path, description: str) -> Parser:
    parser = Parser(
        prog=f"python stages/{script.name}",
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--cfg", choices=["job"], help="print the configuration without running anything")
    parser.add_argument("-m", "--multirun", action="store_true", help=SUPPRESS)  # Hydra's option, rejected with a hint
    parser.add_argument("overrides", nargs="*", help="dotted overrides of params.yaml, such as seed=3")
    return parser


def terminate(*_: Any) -> NoReturn:
    """Unwind on SIGTERM as on Ctrl-C, so that partial writes are removed."""
    raise KeyboardInterrupt


def use_one_gpu() -> None:
    """Show a training without a launcher the first GPU only: with several, transformers uses nn.DataParallel.

    TRL refuses that, after all models are loaded.
    """
    if "LOCAL_RANK" not in os.environ:
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]


def _made(config: Config, makes: tuple[str, ...]) -> str | None:
    if not makes:
        return None
    if config.model not in makes:
        raise ConfigurationError(f"model = {config.model!r}: this stage makes one of {', '.join(makes)}")
    return config.model


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def prepare_environment(config: Config) -> None:
    """Disable telemetry, disable network access in offline profiles, and set the sandbox policy for model-written code.

    Libraries read the variables on import. HF_HUB_DISABLE_TELEMETRY covers the hub, transformers and TRL; vLLM has two
    of its own and disables Ray's. Trackers are off unless `tracking` names one, but TRL imports wandb and trackio
    wherever they are installed, and MLflow does not take DO_NOT_TRACK=1. DVC's analytics and update check are off
    through .dvc/config.
    """
    for name in ("HF_HUB_DISABLE_TELEMETRY", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK", "TRL_EXPERIMENTAL_SILENCE"):
        os.environ.setdefault(name, "1")
    for name, off in {
        "WANDB_ERROR_REPORTING": "false",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }.items():
        os.environ.setdefault(name, off)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if config.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    use_folder(config.plugins)
    set_policy(config.sandbox)
    if config.prepare.has_code:
        require_sandbox()  # fail now, not an hour later at the first completion
