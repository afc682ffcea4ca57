"""Preference models for general prompts, one helpful and one harmless (paper section 2.3.4).

    python stages/reward_model.py model=reward_helpful

Writes data/reward_models/{helpful,harmless}.
"""

from r1.stage import Run, stage


@stage("training", "reward_model", makes=("reward_helpful", "reward_harmless"))
def main(run: Run) -> None:
    from pathlib import Path

    from r1.data import NoRows, read_rows
    from r1.models.loading import save
    from r1.training.reward_model import train_reward_model

    kind = run.name.removeprefix("reward_")
    base, source = f"data/models/{run.config.reward_model.base}", "data/general/preference.parquet"
    inputs = run.inputs(base, source)
    pairs = [row for row in read_rows(source) if row["kind"] == kind]
    if not pairs:
        raise NoRows(f"{source} has no {kind} pair: raise prepare.general.preference")
    with run.checkpoints(inputs) as checkpoints:
        model, tokenizer, metrics = train_reward_model(
            Path(base), pairs, run.config.reward_model, run.config.seed, run.curve, checkpoints, run.config.training
        )
        with run.artifact(f"data/reward_models/{kind}", inputs, counts={"pairs": len(pairs)}) as directory:
            save(model, tokenizer, directory)
        run.metrics(metrics)


if __name__ == "__main__":
    main()
