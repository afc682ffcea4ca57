"""Commands beside the stages.

python -m r1 inspect zero            what a stage made: lineage, params, counts, metrics, samples
python -m r1 compose profile=smoke   write params.yaml from conf/ (what `dvc exp run -S` does), run nothing
python -m r1 readme                  write the README's results from the metrics in data/
"""

import argparse
from pathlib import Path

from r1.errors import reported

START, END = "<!-- results -->", "<!-- /results -->"
"""What the README's section of results stands between."""


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
    commands.add_parser("readme", help="write the README's results from the metrics")
    arguments = parser.parse_args()
    with reported():
        if arguments.command == "compose":
            _compose(arguments.overrides)
        elif arguments.command == "readme":
            _readme()
        else:
            from r1.reporting.inspect import inspect

            inspect(arguments.name, arguments.samples)


def _compose(overrides: list[str]) -> None:
    import yaml
    from dvc.utils.hydra import compose_and_dump

    from r1.stage import check_groups, validate

    check_groups(overrides)

    target = Path("params.yaml")
    compose_and_dump(str(target.resolve()), str(Path("conf").resolve()), None, "config", "", overrides)
    validate(yaml.safe_load(target.read_text()))


def _readme() -> None:
    from r1.reporting.report import readme_results

    readme = Path("README.md")
    before, _, rest = readme.read_text().partition(START)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{START}\n{readme_results(Path.cwd())}\n{END}{after}")


if __name__ == "__main__":
    main()
