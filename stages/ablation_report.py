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
    from r1.evaluation.ablation import comparable, judge
    from r1.reporting.ablation import render_ablation

    root, evaluate = Path("data/ablation"), run.config.evaluate
    found = sorted(root.glob("runs/*/*"))
    inputs = run.inputs("data/evaluations/base", *map(str, found))
    base = pd.read_parquet("data/evaluations/base/problems.parquet").query("level == 'train'").reset_index(drop=True)
    problems: dict[str, dict[int, pd.DataFrame]] = {}
    for path in found:
        problems.setdefault(path.parent.name, {})[int(path.name)] = pd.read_parquet(path / "problems.parquet")
    runs = comparable(problems, base)
    cells = {name: [f"{name}-{seed}" for seed in tables] for name, tables in runs.items()}
    curves = {name: [pd.read_csv(root / f"curves/{cell}.csv") for cell in of] for name, of in cells.items()}
    metrics = {name: [read_json(root / f"metrics/{cell}.json") for cell in of] for name, of in cells.items()}
    claims = judge(runs, base, run.config.ablation, evaluate)

    with run.artifact(str(root / "report"), inputs, {"runs": len(found)}, str(root / "claims.json")) as directory:
        mini_batches = run.config.ablation.mini_batches
        render_ablation(runs, base, curves, metrics, claims, evaluate, mini_batches, directory)
    write_json(root / "claims.json", claims)


if __name__ == "__main__":
    main()
