"""Cold start: the base, fine-tuned on the small set of readable chains of thought (paper section 2.3.1).

    python stages/cold_start.py cold_start.epochs=3

Writes data/models/cold_start.
"""

from dataclasses import dataclass

from r1.config.finetuning import SftConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    cold_start: SftConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.finetuning.sft import finetune
    from r1.models.policy import Policy
    from r1.support.tables import read_rows

    start, examples = "data/models/base", "data/cold_start"
    inputs = run.inputs(start, examples)
    with run.training(inputs) as context:
        trained = finetune(
            Policy(Path(start)), read_rows(f"{examples}/examples.parquet"), run.config.cold_start, context
        )
        run.write_model("data/models/cold_start", trained, inputs)


if __name__ == "__main__":
    main()
