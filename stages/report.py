"""The report and the claims table, from the metrics, curves and evaluations of all stages, and R1-Zero's rollouts.

    python stages/report.py report.non_inferiority_margin=0.02

Writes data/report/index.html (self-contained), data/report/report.md and data/metrics/claims.json.
"""

from dataclasses import dataclass

from r1.config.evaluation import EvaluateConfig, ReportConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage
from r1.recipe import MODELS


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    profile: str
    evaluate: EvaluateConfig
    report: ReportConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.reporting.contents import read_contents
    from r1.reporting.report import render
    from r1.support.artifacts import write_json

    evaluations = (f"data/evaluations/{model}" for model in MODELS)
    inputs, claims = run.inputs("data/rollouts/zero", *evaluations), "data/metrics/claims.json"
    contents = read_contents(Path(), run.config.profile, run.config.report, run.config.evaluate)
    write_json(Path(claims), contents.claims)
    with run.artifact("data/report", inputs, {"claims": len(contents.claims)}, metrics=claims) as directory:
        render(contents, directory)


if __name__ == "__main__":
    main()
