"""Evaluation of one model: pass@1, pass@k, maj@k and behaviour, with confidence intervals over problems.

    python stages/evaluate.py model=zero evaluate.sampling.num_samples=16

Writes data/evaluations/<model> (every completion, and per-problem values) and
data/metrics/evaluate/<model>.json.
"""

from typing import get_args

from r1.config import ModelName
from r1.stage import Run, stage


@stage("evaluate", makes=get_args(ModelName))
def main(run: Run) -> None:
    from dataclasses import replace
    from pathlib import Path

    from r1.artifacts import write_json
    from r1.data import read_rows
    from r1.evaluation.evaluate import per_problem, sample_general, sample_problems, summarise
    from r1.sampling import open_sampler

    settings, seed, model = run.config.evaluate, run.config.seed, f"data/models/{run.name}"
    sources = ["data/prompts/evaluate.parquet", "data/general/evaluate.parquet"]
    judges = {kind: Path(f"data/reward_models/{kind}") for kind in ("helpful", "harmless")}
    inputs = run.inputs(model, *(str(judge) for judge in judges.values()), *sources)
    # Beside those of the training that made the model, which has the same name.
    with replace(run, name=f"evaluate/{run.name}").checkpoints(inputs) as checkpoints:
        sampler = open_sampler(Path(model), settings.engine, checkpoints)
        samples = sample_problems(sampler, read_rows(sources[0]), settings, seed)
        general = sample_general(sampler, read_rows(sources[1]), judges, settings, seed)
        problems = per_problem(samples)

        metrics = f"data/metrics/evaluate/{run.name}.json"
        counts = {"problems": len(problems), "samples": len(samples), "general": len(general)}
        with run.artifact(f"data/evaluations/{run.name}", inputs, counts, metrics) as directory:
            samples.to_parquet(directory / "samples.parquet", index=False)
            problems.to_parquet(directory / "problems.parquet", index=False)
            general.to_parquet(directory / "general.parquet", index=False)
        write_json(Path(metrics), summarise(problems, general, settings))


if __name__ == "__main__":
    main()
