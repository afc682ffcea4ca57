"""Final RL over all scenarios: the R1 model (paper section 2.3.4).

    python stages/final_rl.py final_rl.learning_rate=5e-5

Reasoning prompts get rule-based rewards. General prompts, used only in the last
steps, are scored by a helpful and a harmless preference model.
Writes data/models/r1; samples with their rewards are in its samples.parquet.
"""

from dataclasses import dataclass

from r1.config.rl import FinalRlConfig, RlConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage
from r1.recipe import PREFERENCES, preference_path


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    rl: RlConfig
    final_rl: FinalRlConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.models.policy import Policy
    from r1.rewards.preference import PreferenceReward
    from r1.rl.train import train_on_all_scenarios
    from r1.support.tables import read_rows

    start, prompts, general = "data/models/sft", "data/prompts/rl.parquet", "data/general/rl.parquet"
    judges = [preference_path(kind) for kind in PREFERENCES]
    inputs = run.inputs(start, *judges, prompts, general)
    policy, rows = Policy(Path(start)), (read_rows(prompts), read_rows(general))
    preference = PreferenceReward(*map(Path, judges))
    with run.training(inputs) as context:
        trained = train_on_all_scenarios(policy, *rows, run.config.final_rl, run.config.rl, context, preference)
        run.write_model("data/models/r1", trained, inputs)


if __name__ == "__main__":
    main()
