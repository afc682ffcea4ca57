"""Evaluation of one model: pass@1, pass@k, maj@k and behaviour, with confidence intervals over problems.

    python stages/evaluate.py model=zero evaluate.sampling.num_samples=16

Writes data/evaluations/<model> (every completion, and per-problem values; of some models also accuracy by thinking
budget, and what they write without words of reflection) and data/metrics/evaluate/<model>.json.
"""

from dataclasses import dataclass

from r1.config.evaluation import EvaluateConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage
from r1.recipe import MODELS, PREFERENCES, model_path, preference_path


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    evaluate: EvaluateConfig


@stage(Reads, makes=MODELS, samples=True)
def main(run: Run[Reads]) -> None:
    from dataclasses import replace
    from pathlib import Path

    from r1.evaluation.evaluate import evaluate
    from r1.models.policy import Policy
    from r1.support.artifacts import write_json
    from r1.support.tables import read_rows

    model, problems, general = model_path(run.name), "data/prompts/evaluate.parquet", "data/general/evaluate.parquet"
    judges = {kind: preference_path(kind) for kind in PREFERENCES}
    inputs = run.inputs(model, *judges.values(), problems, general)
    rows = read_rows(problems), read_rows(general)
    # A folder of its own: the training run that made the model has the same name.
    with replace(run, name=f"evaluate/{run.name}").checkpoints(inputs) as checkpoints:
        paths = {kind: Path(path) for kind, path in judges.items()}
        config, seed = run.config.evaluate, run.config.seed
        done = evaluate(run.name, Policy(Path(model)), *rows, paths, config, seed, checkpoints)
        metrics = f"data/metrics/evaluate/{run.name}.json"
        with run.artifact(f"data/evaluations/{run.name}", inputs, done.counts, metrics) as directory:
            done.save(directory)
        write_json(Path(metrics), done.summary)


if __name__ == "__main__":
    main()
