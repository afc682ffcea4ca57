"""The recipe with several seeds: claims over seeds and problems, each seed's own, and learning curves with bands.

    dvc repro experiments/seeds/dvc.yaml

Writes data/seeds/report/index.html (self-contained), data/seeds/report/report.md and data/seeds/claims.json.
"""

from dataclasses import dataclass

from r1.config.evaluation import EvaluateConfig, ReportConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    evaluate: EvaluateConfig
    report: ReportConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from r1.reporting.seeds import CLAIMS, RUNS, read_seeds, render_seeds
    from r1.support.artifacts import content_hash, write_json

    seeds = read_seeds(RUNS, run.config.report, run.config.evaluate)
    inputs = {str(path): content_hash(path) for path in sorted(RUNS.glob("[0-9]*"))}
    with run.artifact("data/seeds/report", inputs, {"seeds": len(inputs)}, str(CLAIMS)) as directory:
        render_seeds(seeds, run.config.evaluate, directory)
    write_json(CLAIMS, seeds.values)


if __name__ == "__main__":
    main()
