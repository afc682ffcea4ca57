"""Make a long chain of thought short: one arm, one seed.

    python experiments/long_to_short/arm.py arm=shortest seed=1 problems=48 examples=32
    dvc repro experiments/long_to_short/dvc.yaml

Writes data/questions/long_to_short/arms/<arm>-<seed> and data/questions/long_to_short/metrics/<arm>-<seed>.json.
"""

from r1.pipeline.question import arm
from r1.questions.arm import Arm, Outcome
from r1.questions.long_to_short.settings import Settings


@arm(Settings, reads=("training", "sft", "rl", "zero", "evaluate"))
def main(arm: Arm[Settings]) -> Outcome:
    from r1.questions.long_to_short.runs import run

    return run(arm)


if __name__ == "__main__":
    main()
