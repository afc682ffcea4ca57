"""RL with a hole in the reward: one arm, one seed.

    python experiments/reward_hacking/arm.py arm=contains seed=1 max_steps=5
    dvc repro experiments/reward_hacking/dvc.yaml

Writes data/questions/reward_hacking/arms/<arm>-<seed> and data/questions/reward_hacking/metrics/<arm>-<seed>.json.
"""

from r1.pipeline.question import arm
from r1.questions.arm import Arm, Outcome
from r1.questions.reward_hacking.settings import Settings


@arm(Settings, reads=("training", "rl", "zero", "evaluate"))
def main(arm: Arm[Settings]) -> Outcome:
    from r1.questions.reward_hacking.runs import run

    return run(arm)


if __name__ == "__main__":
    main()
