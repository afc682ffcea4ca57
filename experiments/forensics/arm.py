"""What can be inferred from a released model: one arm, one seed.

    python experiments/forensics/arm.py arm=cause seed=1 arms.cause.max_steps=5
    dvc repro experiments/forensics/dvc.yaml

Writes data/questions/forensics/arms/<arm>-<seed> and data/questions/forensics/metrics/<arm>-<seed>.json.
"""

from r1.pipeline.question import arm
from r1.questions.arm import Arm, Outcome
from r1.questions.forensics.settings import Settings


@arm(Settings, reads=("prepare", "training", "sft", "rl", "zero", "evaluate"))
def main(arm: Arm[Settings]) -> Outcome:
    from r1.questions.forensics.runs import run

    return run(arm)


if __name__ == "__main__":
    main()
