"""Commands other than the stages.

python -m r1 launch stages/zero.py   run a stage with the launcher in params.yaml (dvc.yaml calls this)
python -m r1 compose profile=smoke   write params.yaml from conf/, as `dvc exp run -S` does, without running anything
python -m r1 variant --to DIR seed=1 run the recipe with overrides in a workspace of its own and hand over its results
python -m r1 watch                   show the run on a page of this machine: stages, curves and rollouts as they come
python -m r1 inspect zero            show an artifact's origin, metrics and samples
python -m r1 rollouts zero --step 40 --sort advantage --grep Wait    show what a stage drew, with its rewards
python -m r1 chat zero               talk to a model on the terminal, or through a pipe
python -m r1 serve r1                serve a model to OpenAI clients on this machine, with vLLM
python -m r1 export r1 --to DIR      write a model for use elsewhere, with a model card; --format gguf for llama.cpp
python -m r1 export-samples zero --to exported   write samples for lighteval and lm-evaluation-harness
python -m r1 forensics DIR --base DIR    infer from a model's weights and samples what made it of its base
python -m r1 plan profile=smoke      estimate tokens, FLOPs, memory, hours and dollars without running anything
python -m r1 doctor                  check this machine and print the commands that fix what is missing
python -m r1 readme                  write the results in README and docs/ from the metrics in data/
"""

import argparse
import sys
from pathlib import Path

from r1.doctor import Check
from r1.machine import Machine
from r1.pipeline.arguments import Parser, number
from r1.support.errors import UserError, reported

_count = number(int, "a whole number, at least 0", lambda value: value >= 0)
_positive = number(int, "a whole number, at least 1", lambda value: value >= 1)
_seed = number(int, "a whole number from 0 to 2147483647", lambda value: 0 <= value < 2**31)
_port = number(int, "a whole number from 1 to 65535", lambda value: 1 <= value <= 65535)
_share = number(float, "a number above 0, at most 1", lambda value: 0 < value <= 1)
_temperature = number(float, "a number, at least 0", lambda value: 0 <= value < float("inf"))


def main() -> None:
    """Parse the command line and run one command."""
    parser = Parser(prog="python -m r1", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    launching = commands.add_parser("launch", help="run a stage with the configured launcher")
    launching.add_argument("--dry-run", action="store_true", help="print the command without running it")
    launching.add_argument("script", help="the stage's script, such as stages/zero.py")
    launching.add_argument("overrides", nargs="*", help="dotted overrides of params.yaml, such as zero.max_steps=5")
    varying = commands.add_parser("variant", help="run the recipe with overrides in a workspace of its own")
    varying.add_argument("--to", type=Path, required=True, help="folder for its metrics, curves and evaluations")
    varying.add_argument("--target", action="append", default=[], help="run this stage and those before it only")
    varying.add_argument("overrides", nargs="*", help="dotted overrides of params.yaml, such as seed=3")
    watching = commands.add_parser("watch", help="show the run on a page of this machine while it goes")
    watching.add_argument("--port", type=_port, default=8765, help="port on 127.0.0.1 (default 8765)")
    inspecting = commands.add_parser("inspect", help="show an artifact's origin, metrics and samples")
    inspecting.add_argument("name", help="a stage (evaluate) or an artifact (zero, distill_qwen, sft, prompts, ppo/1)")
    inspecting.add_argument("--samples", type=_count, default=3, help="rows to show per file (default 3)")
    inspecting.add_argument("--params", action="store_true", help="show the stage's parameters too")
    _add_rollouts(commands)
    _add_talk(commands)
    exporting = commands.add_parser(
        "export-samples", help="write an evaluation's samples for lighteval and lm-evaluation-harness"
    )
    exporting.add_argument("model", help="an evaluated model, such as zero")
    exporting.add_argument("--to", type=Path, required=True, help="folder for the files")
    examining = commands.add_parser(
        "forensics", help="infer from a model's weights and samples what made it of its base"
    )
    examining.add_argument("model", type=Path, help="model directory, such as data/models/zero")
    examining.add_argument("--base", type=Path, required=True, help="directory of the model that it started from")
    composing = commands.add_parser("compose", help="write params.yaml from conf/")
    composing.add_argument("overrides", nargs="*", help="Hydra overrides, as `dvc exp run -S` takes them")
    planning = commands.add_parser("plan", help="estimate what the recipe would cost; exit 1 if it does not fit")
    if sys.argv[1:2] == ["plan"]:  # its choices need installed packages, while doctor also runs before setup
        _add_plan(planning)
    commands.add_parser("doctor", help="check this machine; exit 1 if the default profile cannot run on it")
    commands.add_parser("readme", help="write the results in README and docs/ from the metrics")
    arguments = parser.parse_args()
    with reported():
        if arguments.command == "launch":
            from r1.pipeline.launch import launch

            launch(arguments.script, arguments.overrides, arguments.dry_run)
        elif arguments.command == "variant":
            from r1.pipeline.workspace import run_variant

            run_variant(arguments.to, arguments.overrides, arguments.target)
        elif arguments.command == "watch":
            from r1.watch.server import watch

            watch(arguments.port)
        elif arguments.command == "compose":
            _compose(arguments.overrides)
        elif arguments.command == "doctor":
            from r1.doctor import doctor

            raise SystemExit(doctor(_fit))
        elif arguments.command == "readme":
            _readme()
        elif arguments.command == "export-samples":
            _export(arguments.model, arguments.to)
        elif arguments.command == "forensics":
            _examine(arguments.model, arguments.base)
        elif arguments.command == "plan":
            _plan(arguments)
        elif arguments.command == "rollouts":
            from r1.reporting.rollouts import show_rollouts

            asked = {key: value for key, value in vars(arguments).items() if key != "command"}
            show_rollouts(**asked)
        elif arguments.command in ("chat", "serve", "export"):
            _take(arguments)
        else:
            from r1.reporting.inspect import inspect

            inspect(arguments.name, arguments.samples, arguments.params)


def _add_rollouts(commands: "argparse._SubParsersAction[Parser]") -> None:
    showing = commands.add_parser("rollouts", help="show what a stage drew, with rewards and advantages")
    showing.add_argument("stage", help="an RL stage (zero), cold_start_data, rejection_sampling, or evaluate/<model>")
    showing.add_argument("--step", type=_count, help="of RL (default: all)")
    showing.add_argument("--family", help="of the problems, such as search (default: all)")
    showing.add_argument("--grep", help="regular expression that the completion contains")
    showing.add_argument("--sort", help="column, the highest value first, such as advantage (default: as drawn)")
    showing.add_argument("--limit", type=_positive, default=10, help="rollouts to show (default 10)")


def _add_talk(commands: "argparse._SubParsersAction[Parser]") -> None:
    """The commands for a finished model."""
    chatting = commands.add_parser("chat", help="talk to a model on the terminal, or through a pipe")
    chatting.add_argument("--seed", type=_seed, default=0, help="the same seed gives the same answers (default 0)")
    chatting.add_argument(
        "--temperature", type=_temperature, default=0.6, help="0 is greedy (default 0.6, the paper's)"
    )
    chatting.add_argument("--top-p", type=_share, default=0.95, help="nucleus (default 0.95, the paper's)")
    chatting.add_argument("--max-new-tokens", type=_positive, help="longest answer (default: what the context holds)")
    serving = commands.add_parser("serve", help="serve a model to OpenAI clients on this machine, with vLLM")
    serving.add_argument("--port", type=_port, default=8000, help="port on 127.0.0.1 (default 8000)")
    serving.add_argument(
        "--origin", action="append", default=[], help="web page that may call it, such as http://localhost:3000"
    )
    exporting = commands.add_parser("export", help="write a model for use elsewhere, with a model card")
    exporting.add_argument("--to", type=Path, required=True, help="folder for it; must not exist, or be empty")
    exporting.add_argument("--format", choices=["directory", "gguf"], default="directory", help="gguf is for llama.cpp")
    exporting.add_argument("--dtype", choices=["bfloat16", "float16"], default="bfloat16", help="default bfloat16")
    exporting.add_argument("--push", metavar="OWNER/NAME", help="upload it to this hub repository too, with your login")
    for parser in (chatting, serving, exporting):
        parser.add_argument("name", help="a model, such as base, zero or r1")


def _take(arguments: argparse.Namespace) -> None:
    """Chat, serve or export, without telemetry and, unless the user pushes, without the hub."""
    from r1.finished import find_model

    find_model(arguments.name)  # what is missing is named before libraries load, which takes seconds
    _without_telemetry(offline=not getattr(arguments, "push", None))
    if arguments.command == "serve":
        from r1.talk.serve import serve

        serve(arguments.name, arguments.port, arguments.origin)
    elif arguments.command == "chat":
        from r1.talk.chat import chat
        from r1.talk.speaker import Drawing

        chat(arguments.name, Drawing(arguments.temperature, arguments.top_p, arguments.max_new_tokens), arguments.seed)
    else:
        from r1.release.export import export

        files = export(arguments.name, arguments.to, arguments.format, arguments.dtype, arguments.push)
        print("\n".join(map(str, files)))


def _examine(model: Path, base: Path) -> None:
    for directory in (model, base):  # before libraries load, which takes seconds
        if not directory.is_dir():
            raise UserError(f"{directory} is no directory: give local model directories")
    _without_telemetry(offline=True)
    from r1.pipeline.compose import load, load_settings
    from r1.questions.forensics.settings import Settings

    settings = load_settings(Path("experiments/forensics/params.yaml"), [], Settings)
    config = load().evaluate

    from r1.questions.forensics.show import show_forensics

    show_forensics(model, base, settings, config)


def _without_telemetry(offline: bool) -> None:
    import os

    from r1.support.log import configure

    configure()
    for name in ("HF_HUB_DISABLE_TELEMETRY", "VLLM_NO_USAGE_STATS", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "1")
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _add_plan(parser: argparse.ArgumentParser) -> None:
    from typing import get_args

    from r1.config.launcher import Sharding
    from r1.planning.hardware import DEVICES
    from r1.planning.recipe import FILL, PROMPT_TOKENS

    parser.add_argument("overrides", nargs="*", help="Hydra overrides, as `dvc exp run -S` takes them")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="device to plan for (default cpu)")
    parser.add_argument("--devices", type=_positive, help="number of devices (default: the launcher's)")
    parser.add_argument("--sharding", choices=get_args(Sharding), help="sharding of training (default: the launcher's)")
    parser.add_argument("--fill", type=_share, default=FILL, help=f"mean response length / its limit (default {FILL})")
    parser.add_argument(
        "--prompt-tokens", type=_positive, default=PROMPT_TOKENS, help=f"mean length (default {PROMPT_TOKENS})"
    )
    parser.add_argument("--force", action="store_true", help="exit 0 even if a stage does not fit")
    parser.add_argument(
        "--checks", action="store_true", help="compare the planner with published and measured runs instead"
    )


def _plan(arguments: argparse.Namespace) -> None:
    from r1.pipeline.compose import check_given_once, compose, validate
    from r1.planning.show import show_checks, show_plan

    if arguments.checks:
        show_checks()
        return
    check_given_once(arguments.overrides)
    config = validate(compose(arguments.overrides))
    options = {key: value for key, value in vars(arguments).items() if key not in ("command", "checks", "overrides")}
    show_plan(config, **options)


def _compose(overrides: list[str]) -> None:
    from r1.pipeline.compose import PARAMS, check_given_once, compose, write_params

    check_given_once(overrides)
    write_params(compose(overrides), PARAMS)


def _export(model: str, to: Path) -> None:
    from r1.evaluation.export import export_samples

    print("\n".join(map(str, export_samples(model, to))))


def _fit(machine: Machine) -> list[Check]:
    """Whether params.yaml fits the machine's GPUs; nothing before setup."""
    try:
        from r1.pipeline.compose import load
        from r1.pipeline.preflight import fit_checks
    except ImportError:
        return []
    try:
        return fit_checks(load(), machine) if machine.gpus else []
    except UserError as error:
        return [Check("fit", "warning", f"params.yaml: {error}")]


def _readme() -> None:
    from r1.reporting.readme import write_documents

    if not Path("README.md").is_file():
        raise UserError(f"{Path.cwd()} has no README.md: run `python -m r1 readme` in the project's folder")
    write_documents(Path.cwd())
