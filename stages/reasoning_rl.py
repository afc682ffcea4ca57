"""Reasoning RL: from the cold start, with a language-consistency reward (paper section 2.3.2).

    python stages/reasoning_rl.py reasoning_rl.rewards.language_consistency_reward=0

Writes data/models/reasoning_rl; samples with their rewards are in its samples.parquet.
"""

from dataclasses import dataclass

from r1.config.rl import RlConfig, RlStageConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    rl: RlConfig
    reasoning_rl: RlStageConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.models.policy import Policy
    from r1.rl.settings import RlSettings
    from r1.rl.train import train_on_rules
    from r1.support.tables import read_rows

    start, prompts = "data/models/cold_start", "data/prompts/rl.parquet"
    inputs = run.inputs(start, prompts)
    settings = RlSettings(run.config.reasoning_rl, run.config.rl)
    with run.training(inputs) as context:
        trained = train_on_rules(Policy(Path(start)), read_rows(prompts), settings, context)
        run.write_model("data/models/reasoning_rl", trained, inputs)


if __name__ == "__main__":
    main()
