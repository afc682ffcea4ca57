"""Commands beside the stages.

python -m r1 inspect zero            what a stage made: lineage, params, counts, metrics, samples
python -m r1 compose profile=smoke   write params.yaml from conf/ (what `dvc exp run -S` does), run nothing
python -m r1 plan profile=smoke      what it would cost: tokens, FLOPs, memory, hours, dollars; run nothing
python -m r1 doctor                  what this machine has and lacks, with the commands that fix it
python -m r1 readme                  write the README's results from the metrics in data/
"""

import argparse
from pathlib import Path

from r1.errors import reported


def main() -> None:
    """Parse the command line and run one command."""
    parser = argparse.ArgumentParser(
        prog="python -m r1", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    inspecting = commands.add_parser("inspect", help="print what a stage made")
    inspecting.add_argument("name", help="a stage (evaluate) or an artifact (zero, distill_qwen, sft, prompts, ppo/1)")
    inspecting.add_argument("--samples", type=int, default=3, help="rows to show of each table (default 3)")
    composing = commands.add_parser("compose", help="write params.yaml from conf/")
    composing.add_argument("overrides", nargs="*", help="Hydra overrides, as `dvc exp run -S` takes them")
    planning = commands.add_parser("plan", help="print what the recipe would cost; exit 1 if it cannot fit")
    _add_plan(planning)
    commands.add_parser("doctor", help="print what this machine has and lacks; exit 1 if the default cannot run")
    commands.add_parser("readme", help="write the README's results from the metrics")
    arguments = parser.parse_args()
    with reported():
        if arguments.command == "compose":
            _compose(arguments.overrides)
        elif arguments.command == "readme":
            _readme()
        elif arguments.command == "doctor":
            from r1.doctor import doctor

            raise SystemExit(doctor())
        elif arguments.command == "plan":
            _plan(arguments)
        else:
            from r1.reporting.inspect import inspect

            inspect(arguments.name, arguments.samples)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    from typing import get_args

    from r1.config import Parallelism
    from r1.planning.hardware import DEVICES
    from r1.planning.recipe import FILL, PROMPT_TOKENS

    parser.add_argument("overrides", nargs="*", help="Hydra overrides, as `dvc exp run -S` takes them")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="what it is to run on (default cpu)")
    parser.add_argument("--devices", type=_positive, help="how many of them (default: the launcher's)")
    parser.add_argument("--parallelism", choices=get_args(Parallelism), help="of training (default: the launcher's)")
    parser.add_argument("--fill", type=_share, default=FILL, help=f"mean response / its limit (default {FILL})")
    parser.add_argument("--prompt-tokens", type=_positive, default=PROMPT_TOKENS, help=f"default {PROMPT_TOKENS}")
    parser.add_argument("--force", action="store_true", help="do not refuse what cannot fit")
    parser.add_argument("--checks", action="store_true", help="instead of a plan, the planner's own errors")


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return int(text)


def _share(text: str) -> float:
    if not 0 < float(text) <= 1:
        raise argparse.ArgumentTypeError("above 0, at most 1")
    return float(text)


def _plan(arguments: argparse.Namespace) -> None:
    from r1.planning.show import show_checks, show_plan

    if arguments.checks:
        show_checks()
        return
    options = {key: value for key, value in vars(arguments).items() if key not in ("command", "checks")}
    show_plan(**options)


def _compose(overrides: list[str]) -> None:
    import yaml
    from dvc.utils.hydra import compose_and_dump

    from r1.stage import check_groups, validate

    check_groups(overrides)

    target = Path("params.yaml")
    compose_and_dump(str(target.resolve()), str(Path("conf").resolve()), None, "config", "", overrides)
    validate(yaml.safe_load(target.read_text()))


def _readme() -> None:
    from r1.reporting.report import README_SECTIONS, between

    readme = Path("README.md")
    text = readme.read_text()
    for name, written in README_SECTIONS.items():
        start, end = between(name)
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{written(Path.cwd())}\n{end}{rest.partition(end)[2]}"
    readme.write_text(text)


if __name__ == "__main__":
    main()
