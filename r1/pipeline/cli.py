"""Commands other than the stages.

python -m r1 launch stages/zero.py   run a stage with the launcher in params.yaml (dvc.yaml calls this)
python -m r1 compose profile=smoke   write params.yaml from conf/, as `dvc exp run -S` does, without running anything
python -m r1 inspect zero            show an artifact's origin, metrics and samples
python -m r1 export-samples zero --to exported   write samples for lighteval and lm-evaluation-harness
python -m r1 plan profile=smoke      estimate tokens, FLOPs, memory, hours and dollars without running anything
python -m r1 doctor                  check this machine and print the commands that fix what is missing
python -m r1 readme                  write the results in README and docs/ from the metrics in data/
"""

import argparse
import sys
from pathlib import Path

from r1.doctor import Check
from r1.machine import Machine
from r1.pipeline.arguments import Parser
from r1.support.errors import UserError, reported


def main() -> None:
    """Parse the command line and run one command."""
    parser = Parser(prog="python -m r1", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    launching = commands.add_parser("launch", help="run a stage with the configured launcher")
    launching.add_argument("--dry-run", action="store_true", help="print the command without running it")
    launching.add_argument("script", help="the stage's script, such as stages/zero.py")
    launching.add_argument("overrides", nargs="*", help="dotted overrides of params.yaml, such as zero.max_steps=5")
    inspecting = commands.add_parser("inspect", help="show an artifact's origin, metrics and samples")
    inspecting.add_argument("name", help="a stage (evaluate) or an artifact (zero, distill_qwen, sft, prompts, ppo/1)")
    inspecting.add_argument("--samples", type=int, default=3, help="rows to show per file (default 3)")
    inspecting.add_argument("--params", action="store_true", help="show the stage's parameters too")
    exporting = commands.add_parser(
        "export-samples", help="write an evaluation's samples for lighteval and lm-evaluation-harness"
    )
    exporting.add_argument("model", help="an evaluated model, such as zero")
    exporting.add_argument("--to", type=Path, required=True, help="folder for the files")
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
        elif arguments.command == "compose":
            _compose(arguments.overrides)
        elif arguments.command == "doctor":
            from r1.doctor import doctor

            raise SystemExit(doctor(_fit))
        elif arguments.command == "readme":
            _readme()
        elif arguments.command == "export-samples":
            _export(arguments.model, arguments.to)
        elif arguments.command == "plan":
            _plan(arguments)
        else:
            from r1.reporting.inspect import inspect

            inspect(arguments.name, arguments.samples, arguments.params)


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


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return int(text)


def _share(text: str) -> float:
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError("above 0, at most 1")
    return float(text)


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

    write_documents(Path.cwd())
