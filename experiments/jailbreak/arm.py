"""Attacks on refusals, before and after a final RL with a harmless reward: one arm, one seed.

    python experiments/jailbreak/arm.py arm=whole seed=1 max_steps=5
    dvc repro experiments/jailbreak/dvc.yaml

Writes data/questions/jailbreak/arms/<arm>-<seed> and data/questions/jailbreak/metrics/<arm>-<seed>.json.
"""

from r1.pipeline.question import arm
from r1.questions.arm import Arm, Outcome
from r1.questions.jailbreak.settings import Settings


@arm(Settings, reads=("training", "rl", "sft", "final_rl", "evaluate"))
def main(arm: Arm[Settings]) -> Outcome:
    from r1.questions.jailbreak.runs import run

    return run(arm)


if __name__ == "__main__":
    main()
