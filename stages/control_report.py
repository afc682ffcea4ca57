"""The control's learning rates, compared on RL problems held back.

    dvc repro experiments/control/dvc.yaml

Writes data/control/learning_rates.json; `make readme` shows it in docs/results.md.
"""

from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@stage(Sections)
def main(run: Run[Sections]) -> None:
    from r1.reporting.control import RATES, RUNS, read_rates
    from r1.support.artifacts import write_json

    write_json(RATES, read_rates(RUNS))


if __name__ == "__main__":
    main()
