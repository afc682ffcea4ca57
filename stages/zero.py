"""R1-Zero: RL from the base with rule-based rewards only (paper section 2.2).

    python stages/zero.py zero.max_steps=5

Writes data/models/zero; samples with their rewards are in its samples.parquet.
"""

from dataclasses import dataclass

from r1.config.rl import RlConfig, RlStageConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    rl: RlConfig
    zero: RlStageConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.models.policy import Policy
    from r1.rl.settings import RlSettings
    from r1.rl.train import train_on_rules
    from r1.support.tables import read_rows

    start, prompts = "data/models/base", "data/prompts/rl.parquet"
    inputs = run.inputs(start, prompts)
    settings = RlSettings(run.config.zero, run.config.rl)
    with run.training(inputs) as context:
        trained = train_on_rules(Policy(Path(start)), read_rows(prompts), settings, context)
        run.write_model("data/models/zero", trained, inputs)


if __name__ == "__main__":
    main()
