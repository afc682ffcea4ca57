"""Control for distillation: RL directly on the student's base (paper section 4.1).

    python stages/student_rl.py model=student_rl_qwen

Writes data/models/student_rl_<student>. It takes at least as much compute as the
distillation; data/metrics/*.json report both as `flops`.
"""

from dataclasses import dataclass

from r1.config.rl import RlConfig, RlStageConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    rl: RlConfig
    made: RlStageConfig


@stage(Reads, makes=("student_rl_qwen", "student_rl_llama"))
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.models.policy import Policy
    from r1.rl.settings import RlSettings
    from r1.rl.train import train_on_rules
    from r1.support.tables import read_rows

    start, prompts = f"data/models/base_{run.name.removeprefix('student_rl_')}", "data/prompts/rl.parquet"
    inputs = run.inputs(start, prompts)
    settings = RlSettings(run.config.made, run.config.rl.of_students)
    with run.training(inputs) as context:
        trained = train_on_rules(Policy(Path(start)), read_rows(prompts), settings, context)
        run.write_model(f"data/models/{run.name}", trained, inputs)


if __name__ == "__main__":
    main()
