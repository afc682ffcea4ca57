"""The comparison of RL algorithms: table, learning curves with bands over seeds, and verdicts.

    python stages/ablation_report.py ablation.equivalence_margin=0.05

Writes data/ablation/report/index.html (self-contained), data/ablation/report/report.md and
data/ablation/claims.json.
"""

from dataclasses import dataclass

from r1.config.evaluation import AblationConfig, EvaluateConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    evaluate: EvaluateConfig
    ablation: AblationConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.reporting.ablation import read_comparison, render_ablation, run_folders
    from r1.support.artifacts import write_json

    found = list(map(str, run_folders(Path())))
    inputs, claims = run.inputs("data/evaluations/base", *found), "data/ablation/claims.json"
    comparison = read_comparison(Path(), run.config.ablation, run.config.evaluate)
    with run.artifact("data/ablation/report", inputs, {"runs": len(found)}, claims) as directory:
        render_ablation(comparison, run.config.ablation, run.config.evaluate, directory)
    write_json(Path(claims), comparison.claims)


if __name__ == "__main__":
    main()
