"""RL on one, two or four families, or on general prompts by preference: one arm, one seed.

    python experiments/skill_transfer/arm.py arm=search seed=1 max_steps=5
    dvc repro experiments/skill_transfer/dvc.yaml

Writes data/questions/skill_transfer/arms/<arm>-<seed> and data/questions/skill_transfer/metrics/<arm>-<seed>.json.
"""

from r1.pipeline.question import arm
from r1.questions.arm import Arm, Outcome
from r1.questions.skill_transfer.settings import Settings


@arm(Settings, reads=("prepare", "training", "rl", "zero", "evaluate"))
def main(arm: Arm[Settings]) -> Outcome:
    from r1.questions.skill_transfer.runs import run

    return run(arm)


if __name__ == "__main__":
    main()
