"""Ten generations of a model that learns from its predecessor: one arm, one seed.

    python experiments/degradation/arm.py arm=verified seed=1 generations=2
    dvc repro experiments/degradation/dvc.yaml

Writes data/questions/degradation/arms/<arm>-<seed> and data/questions/degradation/metrics/<arm>-<seed>.json.
"""

from r1.pipeline.question import arm
from r1.questions.arm import Arm, Outcome
from r1.questions.degradation.settings import Settings


@arm(Settings, reads=("prepare", "training", "sft", "evaluate"))
def main(arm: Arm[Settings]) -> Outcome:
    from r1.questions.degradation.generations import run

    return run(arm)


if __name__ == "__main__":
    main()
