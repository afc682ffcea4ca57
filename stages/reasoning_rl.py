"""Reasoning RL: from the cold start, with a language-consistency reward (paper section 2.3.2).

    python stages/reasoning_rl.py reasoning_rl.rewards.language_consistency_reward=0

Writes data/models/reasoning_rl; samples with their rewards are in its samples.parquet.
"""

from r1.stage import Run, stage


@stage("training", "rl", "reasoning_rl")
def main(run: Run) -> None:
    from r1.training.rl import rule_based_rl

    rule_based_rl(run, policy="data/models/cold_start", settings=run.config.reasoning_rl)


if __name__ == "__main__":
    main()
