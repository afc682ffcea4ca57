"""One run of the comparison of RL algorithms: R1-Zero's RL from the base, evaluated on the training level.

    python stages/ablation.py ablation.algorithm=ppo seed=2
    dvc repro experiments/algorithms/dvc.yaml

Writes data/ablation/runs/<variant>/<seed>, data/ablation/curves/<variant>-<seed>.csv and
data/ablation/metrics/<variant>-<seed>.json.
"""

from dataclasses import dataclass

from r1.config.evaluation import AblationConfig, EvaluateConfig
from r1.config.rl import RlConfig, RlStageConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    rl: RlConfig
    zero: RlStageConfig
    evaluate: EvaluateConfig
    ablation: AblationConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from dataclasses import replace
    from pathlib import Path

    from r1.evaluation.comparison import compare, variant, variant_settings
    from r1.models.policy import Policy
    from r1.support.artifacts import write_json
    from r1.support.tables import read_rows

    config, seed, name = run.config, run.config.seed, variant(run.config.ablation)
    base, prompts, problems = "data/models/base", "data/prompts/rl.parquet", "data/prompts/evaluate.parquet"
    inputs = run.inputs(base, prompts, problems)
    settings = variant_settings(config.ablation, config.rl, config.zero)
    rows, metrics = (read_rows(prompts), read_rows(problems)), f"data/ablation/metrics/{name}-{seed}.json"
    with replace(run, name=f"{name}-{seed}").training(inputs) as own:
        context = replace(own, curve=Path(f"data/ablation/curves/{name}-{seed}.csv"))
        done = compare(Policy(Path(base)), *rows, settings, config.evaluate, context)
        with run.artifact(f"data/ablation/runs/{name}/{seed}", inputs, done.counts, metrics) as directory:
            done.save(directory)
        write_json(Path(metrics), {"variant": name, "seed": seed, **done.trained.metrics})


if __name__ == "__main__":
    main()
