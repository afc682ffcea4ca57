"""One run of the comparison of RL algorithms: R1-Zero's RL from the base, evaluated on the problems of its level.

    python stages/ablation.py rl/algorithm=ppo seed=2
    dvc repro experiments/algorithms/dvc.yaml

Writes data/ablation/runs/<variant>/<seed>, data/ablation/curves/<variant>-<seed>.csv and
data/ablation/metrics/<variant>-<seed>.json; the variant is the algorithm's name, with that of
rl.difficulty if it is not `all`.
"""

from r1.stage import Run, stage


@stage("training", "rl", "zero", "evaluate", "ablation")
def main(run: Run) -> None:
    from dataclasses import replace
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from r1.artifacts import write_json
    from r1.data import NoRows, read_rows
    from r1.evaluation.evaluate import per_problem, sample_problems
    from r1.models.loading import save
    from r1.sampling import open_sampler
    from r1.training.rl import PROMPTS, train_on_rules

    config, ablation, seed = run.config, run.config.ablation, run.config.seed
    base, problems = "data/models/base", "data/prompts/evaluate.parquet"
    difficulty = config.rl.difficulty.name
    variant = config.rl.algorithm.name + ("" if difficulty == "all" else f"_{difficulty}")
    cell = f"{variant}-{seed}"
    settings = config.zero.model_copy(
        update={
            "max_steps": ablation.max_steps,
            "batch_size": ablation.batch_size,
            "micro_batch_size": ablation.batch_size,
            "learning_rate": ablation.learning_rate,
        }
    )
    algorithm = config.rl.algorithm.model_copy(update={"mini_batches": ablation.mini_batches})
    rl = config.rl.model_copy(update={"algorithm": algorithm})
    inputs = run.inputs(base, PROMPTS, problems)
    asked = [row for row in read_rows(problems) if row["level"] == "train"]
    if not asked:
        raise NoRows(f"{problems} has no problem of level train, which is what this trains on")
    with replace(run, name=cell).checkpoints(inputs) as checkpoints:
        curve = Path(f"data/ablation/curves/{cell}.csv")
        trained = train_on_rules(rl, Path(base), settings, seed, curve, checkpoints, config.training)
        with TemporaryDirectory() as policy:
            save(trained.model, trained.tokenizer, Path(policy))
            samples = sample_problems(open_sampler(Path(policy), config.evaluate.engine), asked, config.evaluate, seed)
        metrics = f"data/ablation/metrics/{cell}.json"
        counts = {"rollouts": trained.metrics["rollouts"], "problems": len(asked), "samples": len(samples)}
        with run.artifact(f"data/ablation/runs/{variant}/{seed}", inputs, counts, metrics) as directory:
            per_problem(samples).to_parquet(directory / "problems.parquet", index=False)
            trained.samples.to_parquet(directory / "samples.parquet", index=False)
        write_json(Path(metrics), {"variant": variant, "seed": seed, **trained.metrics})


if __name__ == "__main__":
    main()
