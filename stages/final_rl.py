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

    from r1.data import read_rows
    from r1.preference import PreferenceReward
    from r1.rewards import build_rewards
    from r1.training.difficulty import choose
    from r1.training.rl import rollout_budget, train_rl, write_policy
    from r1.training.schedule import all_scenarios

    settings, rl, policy = run.config.final_rl, run.config.rl, "data/models/sft"
    sources = ["data/prompts/rl.parquet", "data/general/rl.parquet"]
    judges = ["data/reward_models/helpful", "data/reward_models/harmless"]
    inputs = run.inputs(policy, *judges, *sources)
    checkpoints = run.checkpoints(inputs)
    reasoning, general = (read_rows(source) for source in sources)
    chosen, counts = choose(reasoning, Path(policy), rl.difficulty, settings, run.config.seed)
    preference = PreferenceReward(*(Path(judge) for judge in judges))
    result = train_rl(
        Path(policy),
        all_scenarios(chosen, general, settings, rollout_budget(settings, rl.algorithm), run.config.seed),
        settings,
        rl,
        build_rewards(
            {**settings.rewards, **rl.algorithm.extra_rewards},
            rl.reward_options,
            settings.max_completion_length,
            preference_reward=preference,
        ),
        run.config.seed,
        run.curve,
        checkpoints,
    )
    result.metrics["prompts"] = counts
    write_policy(run, "data/models/r1", result, inputs, checkpoints)


if __name__ == "__main__":
    main()
