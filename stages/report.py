"""The report and the claims table, from the metrics, curves and evaluations of all stages.

    python stages/report.py report.non_inferiority_margin=0.02

Writes data/report/index.html (self-contained), data/report/report.md and data/metrics/claims.json.
"""

from typing import get_args

from r1.config import ModelName
from r1.stage import Run, stage

TRAINED = (
    "base", "base_qwen", "base_llama", "zero", "cold_start", "reasoning_rl", "sft", "final_rl",
    "distill_qwen", "distill_llama", "student_rl_qwen", "student_rl_llama",
)  # fmt: skip


@stage("profile", "evaluate", "report")
def main(run: Run) -> None:
    from pathlib import Path

    import pandas as pd

    from r1.artifacts import read_json, write_json
    from r1.data import as_rows
    from r1.evaluation.claims import judge_claims
    from r1.reporting.figures import LOSS_PANELS, RL_PANELS, bars, curves
    from r1.reporting.report import Contents, render

    models = get_args(ModelName)
    inputs = run.inputs(*(f"data/evaluations/{model}" for model in models))
    tables = {model: pd.read_parquet(f"data/evaluations/{model}/problems.parquet") for model in models}
    stages = {name: read_json(Path(f"data/metrics/{name}.json")) for name in TRAINED}
    flops = {name: metrics["flops"] for name, metrics in stages.items() if "flops" in metrics}
    claims = judge_claims(tables, flops, run.config.report, run.config.evaluate)
    write_json(Path("data/metrics/claims.json"), claims)

    logs = {name: pd.read_csv(f"data/plots/{name}.csv") for name in TRAINED}
    summaries = {model: read_json(Path(f"data/metrics/evaluate/{model}.json")) for model in models}
    task, level = next((task, level) for task, levels in summaries["base"].items() for level in levels)
    accuracy = {model: summary[task][level]["pass_at_1"] for model, summary in summaries.items()}

    def choose(*names: str) -> dict[str, pd.DataFrame]:
        return {name: logs[name] for name in names}

    figures = {
        f"pass@1, {task} ({level})": bars(
            {model: (value["mean"], value["low"], value["high"]) for model, value in accuracy.items()}, "pass@1"
        ),
        "R1-Zero": curves(choose("zero"), RL_PANELS, smooth=5),
        "Reasoning RL and final RL": curves(choose("reasoning_rl", "final_rl"), RL_PANELS, smooth=5),
        "RL on the students (control)": curves(choose("student_rl_qwen", "student_rl_llama"), RL_PANELS, smooth=5),
        "Pretraining": curves(choose("base", "base_qwen", "base_llama"), LOSS_PANELS),
        "Supervised fine-tuning": curves(choose("cold_start", "sft", "distill_qwen", "distill_llama"), LOSS_PANELS),
    }
    samples = {
        model: pd.read_parquet(f"data/evaluations/{model}/samples.parquet").drop_duplicates("problem").head(3)
        for model in models
    }
    contents = Contents(
        profile=run.config.profile,
        confidence=run.config.evaluate.confidence,
        claims=claims,
        summaries=summaries,
        samples={model: as_rows(table) for model, table in samples.items()},
        stages=stages,
        figures=figures,
    )
    with run.artifact("data/report", inputs, {"claims": len(claims)}, metrics="data/metrics/claims.json") as directory:
        render(contents, directory)


if __name__ == "__main__":
    main()
