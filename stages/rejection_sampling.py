"""Rejection sampling: the SFT set, from many samples of the reasoning checkpoint (paper section 2.3.3).

    python stages/rejection_sampling.py rejection_sampling.sampling.num_samples=8

Correct, readable, single-language completions are kept; general examples are added in
R1's proportion. Writes data/sft: examples.parquet, and candidates.parquet with the reason each was kept or dropped.
"""

from dataclasses import dataclass

from r1.config.finetuning import RejectionSamplingConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    rejection_sampling: RejectionSamplingConfig


@stage(Reads, samples=True)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.curation.rejection import sft_set
    from r1.models.policy import Policy
    from r1.support.tables import read_rows

    policy, prompts, general = "data/models/reasoning_rl", "data/prompts/rejection.parquet", "data/general/sft.parquet"
    inputs = run.inputs(policy, prompts, general)
    rows = read_rows(prompts), read_rows(general)
    with run.checkpoints(inputs) as checkpoints:
        settings, seed = run.config.rejection_sampling, run.config.seed
        curated = sft_set(Policy(Path(policy)), *rows, settings, seed, checkpoints)
        with run.artifact("data/sft", inputs, curated.counts) as directory:
            curated.save(directory)
        run.metrics(curated.metrics)


if __name__ == "__main__":
    main()
