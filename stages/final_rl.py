"""Final RL over all scenarios: the R1 model (paper section 2.3.4).

    python stages/final_rl.py final_rl.learning_rate=5e-5

Rule rewards for reasoning prompts; for general prompts, which come in only for
the last steps, the preference of a helpful and a harmless model.
Writes data/models/r1; samples with their rewards are in its samples.parquet.
"""

from r1.stage import Run, stage


@stage("training", "rl", "final_rl")
def main(run: Run) -> None:
    from functools import partial
    from pathlib import Path

    from r1.data import read_rows
    from r1.preference import PreferenceReward
    from r1.training.difficulty import within_context
    from r1.training.rl import PROMPTS, rollout_budget, train_on_prompts, write_policy
    from r1.training.schedule import all_scenarios

    settings, rl, seed = run.config.final_rl, run.config.rl, run.config.seed
    policy, general = "data/models/sft", "data/general/rl.parquet"
    judges = ["data/reward_models/helpful", "data/reward_models/harmless"]
    inputs = run.inputs(policy, *judges, PROMPTS, general)
    schedule = partial(
        all_scenarios,
        general=within_context(read_rows(general), Path(policy), settings.max_completion_length),
        settings=settings,
        rollouts=rollout_budget(settings, rl.algorithm),
        seed=seed,
    )
    preference = PreferenceReward(*(Path(judge) for judge in judges))
    with run.checkpoints(inputs) as checkpoints:
        result = train_on_prompts(
            *(rl, Path(policy), settings, seed, run.curve, checkpoints, run.config.training, schedule),
            preference_reward=preference,
        )
        write_policy(run, "data/models/r1", result, inputs)


if __name__ == "__main__":
    main()
