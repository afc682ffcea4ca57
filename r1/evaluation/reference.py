"""A published checkpoint on published benchmarks, in its own chat template and with the paper's sampling."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from r1.config.data import PrepareConfig
from r1.config.evaluation import EvaluateConfig, ReferenceConfig
from r1.config.sampling import SamplingConfig
from r1.data.data_sets import draw_data_sets
from r1.data.decontamination import EvaluationNgrams
from r1.data.sources import hashes
from r1.evaluation.evaluate import SAMPLES, Summary, per_problem, sample_problems, summarise_problems
from r1.models.policy import Policy
from r1.sampling import open_sampler
from r1.support.artifacts import write_json

SUMMARY = "summary.json"

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Measured:
    """Evaluation of a published checkpoint: every completion, and the summary by family."""

    samples: pd.DataFrame
    summary: Summary

    @property
    def counts(self) -> dict[str, int]:
        """Counts for the manifest."""
        return {"problems": len(self.samples.groupby(["family", "problem"])), "samples": len(self.samples)}

    def save(self, directory: Path) -> None:
        """Write the completions and the summary."""
        self.samples.to_parquet(directory / SAMPLES, index=False)
        write_json(directory / SUMMARY, self.summary)


def read_benchmarks(
    prepare: PrepareConfig, config: ReferenceConfig, seed: int
) -> tuple[dict[str, Rows], dict[str, str]]:
    """Problems by benchmark, drawn and checked as `prepare` does; no other data set is read.

    Returns:
        Rows of `prompt`, `family`, `task`, `level`, `answer` by family, and the hash of each file by name.

    Raises:
        UserError: if a data set cannot be used.
    """
    chosen = {name: prepare.data_sets[name] for name in config.num_samples}
    drawn, _ = draw_data_sets(chosen, (), seed, EvaluationNgrams(prepare.decontamination.ngram))
    sources = {
        file: digest
        for name, source in chosen.items()
        for file, digest in hashes(f"prepare.data_sets.{name}", source).items()
    }
    return {name: [row for row in drawn["evaluate"] if row["family"] == name] for name in chosen}, sources


def measure(
    policy: Policy,
    benchmarks: Mapping[str, Rows],
    config: ReferenceConfig,
    evaluate: EvaluateConfig,
    seed: int,
    checkpoints: Path,
) -> Measured:
    """Sample a checkpoint on each benchmark, with the instruction after every question, and summarise by family.

    Args:
        policy: the checkpoint.
        benchmarks: rows by family.
        config: instruction and sampling parameters; number of samples by family.
        evaluate: engine; resamples and confidence of the intervals.
        seed: sampling seed.
        checkpoints: folder that keeps finished completions, to resume from.
    """
    sampler = open_sampler(policy, evaluate.engine, checkpoints)
    tables: list[pd.DataFrame] = []
    summary: Summary = {}
    for family, rows in benchmarks.items():
        asked = [row | {"prompt": f"{row['prompt']}\n{config.instruction}".rstrip("\n")} for row in rows]
        sampling = SamplingConfig(
            temperature=config.temperature,
            top_p=config.top_p,
            max_new_tokens=config.max_new_tokens,
            num_samples=config.num_samples[family],
        )
        samples = sample_problems(sampler, asked, evaluate.model_copy(update={"sampling": sampling}), seed)
        summary |= summarise_problems(per_problem(samples), evaluate)
        tables.append(samples)
    sampler.close()
    return Measured(pd.concat(tables, ignore_index=True), summary)
