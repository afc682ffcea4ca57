"""Second SFT: the base again, on the rejection-sampled and general data (paper section 2.3.3).

    python stages/sft.py sft.learning_rate=5e-4

Writes data/models/sft.
"""

from dataclasses import dataclass

from r1.config.finetuning import SftConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    sft: SftConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.finetuning.sft import finetune
    from r1.models.policy import Policy
    from r1.support.tables import read_rows

    start, examples = "data/models/base", "data/sft"
    inputs = run.inputs(start, examples)
    with run.training(inputs) as context:
        trained = finetune(Policy(Path(start)), read_rows(f"{examples}/examples.parquet"), run.config.sft, context)
        run.write_model("data/models/sft", trained, inputs)


if __name__ == "__main__":
    main()
