"""Distillation: a student's base, fine-tuned on the full SFT set and nothing else (paper section 2.4).

    python stages/distill.py model=distill_qwen

Writes data/models/distill_<student>.
"""

from dataclasses import dataclass

from r1.config.finetuning import SftConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    made: SftConfig


@stage(Reads, makes=("distill_qwen", "distill_llama"))
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.finetuning.sft import finetune
    from r1.models.policy import Policy
    from r1.support.tables import read_rows

    start, examples = f"data/models/base_{run.name.removeprefix('distill_')}", "data/sft"
    inputs = run.inputs(start, examples)
    with run.training(inputs) as context:
        trained = finetune(Policy(Path(start)), read_rows(f"{examples}/examples.parquet"), run.config.made, context)
        run.write_model(f"data/models/{run.name}", trained, inputs)


if __name__ == "__main__":
    main()
