"""A pretrained base: trained from scratch on the corpus, or an existing checkpoint.

    python stages/base.py model=base_qwen
    python stages/base.py model=base base.checkpoint=Qwen/Qwen2.5-1.5B offline=false

Writes data/models/<model>.
"""

from dataclasses import dataclass

from r1.config.models import BaseConfig
from r1.pipeline.run import Run, TrainingSections
from r1.pipeline.stage import stage
from r1.recipe import BASES, model_path


@dataclass(frozen=True)
class Reads(TrainingSections):
    """What this stage reads of the configuration."""

    made: BaseConfig


@stage(Reads, makes=BASES)
def main(run: Run[Reads]) -> None:
    from r1.finetuning.base import adopt_checkpoint, train_base
    from r1.support.processes import is_main
    from r1.support.tables import read_rows

    if run.config.made.checkpoint is not None:
        if is_main():  # nothing is trained: one process loads and writes
            run.write_model(model_path(run.name), *adopt_checkpoint(run.config.made, run.curve))
        return
    inputs = run.inputs("data/corpus")
    texts = [row["text"] for row in read_rows("data/corpus/corpus.parquet")]
    with run.training(inputs) as context:
        run.write_model(model_path(run.name), train_base(texts, run.config.made, context), inputs)


if __name__ == "__main__":
    main()
