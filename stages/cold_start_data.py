"""The cold-start set: long, readable chains of thought in one language (paper section 2.3.1).

    python stages/cold_start_data.py cold_start_data.max_examples=100

Completions are sampled from R1-Zero and from the few-shot base, filtered for
correctness and readability, and rewritten as reasoning plus summary.
Writes data/cold_start: examples.parquet, and candidates.parquet with the reason each was kept or dropped.
"""

from dataclasses import dataclass

from r1.config.finetuning import ColdStartDataConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    cold_start_data: ColdStartDataConfig


@stage(Reads, samples=True)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.curation.cold_start import cold_start_set
    from r1.models.policy import Policy
    from r1.support.tables import read_rows

    zero, base, prompts = "data/models/zero", "data/models/base", "data/prompts/cold_start.parquet"
    inputs = run.inputs(zero, base, prompts)
    policies = Policy(Path(zero)), Policy(Path(base))
    with run.checkpoints(inputs) as checkpoints:
        settings, seed = run.config.cold_start_data, run.config.seed
        curated = cold_start_set(*policies, read_rows(prompts), settings, seed, checkpoints)
        with run.artifact("data/cold_start", inputs, curated.counts) as directory:
            curated.save(directory)
        run.metrics(curated.metrics)


if __name__ == "__main__":
    main()
