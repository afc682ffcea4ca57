"""RL from one base on so many prompts: one arm, one seed.

    python experiments/how_little/arm.py arm=full_8 seed=1 max_steps=5
    dvc repro experiments/how_little/dvc.yaml

Writes data/questions/how_little/arms/<arm>-<seed> and data/questions/how_little/metrics/<arm>-<seed>.json.
"""

from r1.pipeline.question import arm
from r1.questions.arm import Arm, Outcome
from r1.questions.how_little.settings import Settings


@arm(Settings, reads=("training", "rl", "zero", "evaluate"))
def main(arm: Arm[Settings]) -> Outcome:
    from r1.questions.how_little.runs import run

    return run(arm)


if __name__ == "__main__":
    main()
