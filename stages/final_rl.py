"""Final RL over all scenarios: the R1 model (paper section 2.3.4).

    python stages/final_rl.py final_rl.learning_rate=5e-5

Rule rewards for reasoning prompts; for general prompts, which come in only for
the last steps, the preference of a helpful and a harmless model.
Writes data/models/r1; samples with their rewards are in its samples.parquet.
"""

from r1.stage import Run, stage


@stage("rl", "final_rl")
def main(run: Run) -> None:
    from pathlib import Path

    from datasets import Dataset

    from r1.data import read_rows
    from r1.preference import PreferenceReward
    from r1.rewards import build_rewards
    from r1.training.grpo import train_grpo, write_policy
    from r1.training.schedule import all_scenarios

    settings, rl, policy = run.config.final_rl, run.config.rl, "data/models/sft"
    sources = ["data/prompts/rl.parquet", "data/general/rl.parquet"]
    judges = ["data/reward_models/helpful", "data/reward_models/harmless"]
    reasoning, general = (read_rows(source) for source in sources)
    prompts = all_scenarios(reasoning, general, settings, run.config.seed)
    preference = PreferenceReward(*(Path(judge) for judge in judges))
    result = train_grpo(
        Path(policy),
        Dataset.from_list(prompts),
        settings,
        rl,
        build_rewards(
            settings.rewards, rl.reward_options, settings.max_completion_length, preference_reward=preference
        ),
        run.config.seed,
        run.curve,
        shuffle=False,
    )
    write_policy(run, "data/models/r1", result, inputs=[policy, *judges, *sources])


if __name__ == "__main__":
    main()
