"""Prompts with verifiable answers, general prompts, and the corpus that the bases are pretrained on.

    python stages/prepare.py prepare.families.chain_sum.rl=2000

Writes data/prompts/{cold_start,rl,rejection,evaluate}.parquet,
data/general/{sft,preference,rl,evaluate}.parquet and data/corpus/corpus.parquet. Says how many prompts later stages
will drop because they do not fit in a checkpoint's context.
"""

from dataclasses import dataclass

from r1.config.data import PrepareConfig
from r1.pipeline.contexts import report_contexts
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    prepare: PrepareConfig


@stage(Reads, report=report_contexts)
def main(run: Run[Reads]) -> None:
    from r1.data.prepare import prepare
    from r1.support.tables import write_rows

    prepared = prepare(run.config.prepare, run.config.seed)
    for target, inputs, files in (
        ("data/prompts", prepared.sources, prepared.prompts),
        ("data/general", prepared.general_sources, prepared.general),
        ("data/corpus", {}, {"corpus": prepared.corpus}),
    ):
        with run.artifact(target, inputs, counts={name: len(rows) for name, rows in files.items()}) as directory:
            for name, rows in files.items():
                write_rows(directory / f"{name}.parquet", rows)
    run.metrics(prepared.metrics)


if __name__ == "__main__":
    main()
