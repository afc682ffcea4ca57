"""One base that arms start from: the recipe's pretraining for a share of its steps, or at a share of its size.

    python experiments/how_little/base.py base=eighth
    dvc repro experiments/how_little/dvc.yaml

Writes data/questions/how_little/bases/<base> and data/questions/how_little/metrics/base-<base>.json.
"""

from r1.pipeline.question import base
from r1.questions.arm import Arm
from r1.questions.how_little.settings import Settings
from r1.training.context import Trained


@base(Settings, reads=("seed", "training", "base"), inputs=("data/corpus",))
def main(arm: Arm[Settings]) -> Trained:
    from r1.questions.how_little.bases import make

    return make(arm)


if __name__ == "__main__":
    main()
