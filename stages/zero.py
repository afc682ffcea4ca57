"""R1-Zero: RL from the base, with rule rewards only (paper section 2.2).

    python stages/zero.py zero.max_steps=5

Writes data/models/zero; samples with their rewards are in its samples.parquet.
"""

from r1.stage import Run, stage


@stage("training", "rl", "zero")
def main(run: Run) -> None:
    from r1.training.rl import rule_based_rl

    rule_based_rl(run, policy="data/models/base", settings=run.config.zero)


if __name__ == "__main__":
    main()
