"""Preference models for general prompts, one helpful and one harmless (paper section 2.3.4).

    python stages/reward_model.py model=reward_helpful

Writes data/reward_models/{helpful,harmless}.
"""

from dataclasses import dataclass

from r1.config.finetuning import RewardModelConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage
from r1.recipe import model_path, preference_path


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    reward_model: RewardModelConfig


@stage(Reads, makes=("reward_helpful", "reward_harmless"))
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.finetuning.reward_model import preference_pairs, train_reward_model
    from r1.models.policy import Policy

    kind, settings = run.name.removeprefix("reward_"), run.config.reward_model
    base, source = model_path(settings.base), "data/general/preference.parquet"
    inputs = run.inputs(base, source)
    with run.training(inputs) as context:
        trained = train_reward_model(Policy(Path(base)), preference_pairs(source, kind), settings, context)
        run.write_model(preference_path(kind), trained, inputs)


if __name__ == "__main__":
    main()
