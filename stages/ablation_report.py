"""The comparison of RL algorithms: table, learning curves with bands over seeds, and verdicts.

    python stages/ablation_report.py ablation.equivalence_margin=0.05

Writes data/ablation/report/index.html (self-contained), data/ablation/report/report.md and
data/ablation/claims.json.
"""

from r1.stage import Run, stage


@stage("evaluate", "ablation")
def main(run: Run) -> None:
    from pathlib import Path

    import pandas as pd

    from r1.artifacts import read_json, write_json
    from r1.evaluation.ablation import REFERENCE, judge
    from r1.reporting.ablation import render_ablation

    root, evaluate = Path("data/ablation"), run.config.evaluate
    base = pd.read_parquet("data/evaluations/base/problems.parquet").query("level == 'train'").reset_index(drop=True)
    found = sorted(path.parent for path in root.glob("runs/*/*/problems.parquet"))
    names = sorted({path.parent.name for path in found}, key=lambda name: (name != REFERENCE, name))
    seeds = {name: sorted(int(path.name) for path in found if path.parent.name == name) for name in names}
    runs = {
        name: {seed: pd.read_parquet(root / "runs" / name / str(seed) / "problems.parquet") for seed in seeds[name]}
        for name in names
    }
    curves = {name: [pd.read_csv(root / f"curves/{name}-{seed}.csv") for seed in seeds[name]] for name in names}
    metrics = {name: [read_json(root / f"metrics/{name}-{seed}.json") for seed in seeds[name]] for name in names}
    claims = judge(runs, base, run.config.ablation, evaluate)

    inputs = [str(path) for path in found]
    with run.artifact(str(root / "report"), inputs, {"runs": len(found)}, str(root / "claims.json")) as directory:
        render_ablation(runs, base, curves, metrics, claims, evaluate, directory)
    write_json(root / "claims.json", claims)


if __name__ == "__main__":
    main()
