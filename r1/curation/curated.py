"""A set of examples for fine-tuning, sampled and filtered."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1.config.sampling import EngineConfig, SamplingConfig
from r1.curation.filters import Candidate, Reason, acceptance, as_table
from r1.models.policy import Policy
from r1.sampling import Conversation, open_sampler
from r1.support.tables import write_rows

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Curated:
    """What was kept, and of every candidate why.

    Attributes:
        examples: rows of `prompt` and `completion`.
        candidates: a row per completion, with the reason it was kept or dropped.
        counts: for the manifest.
        metrics: by name.
    """

    examples: Rows
    candidates: Rows
    counts: dict[str, Any]
    metrics: dict[str, Any]

    def save(self, directory: Path) -> None:
        """Write examples.parquet and candidates.parquet."""
        write_rows(directory / "examples.parquet", self.examples)
        write_rows(directory / "candidates.parquet", self.candidates)


@dataclass(frozen=True)
class Drawn:
    """Candidates, [problem][sample], and how long the model took to write them."""

    candidates: list[list[Candidate]]
    engine: str
    seconds: float


def draw(
    policy: Policy,
    problems: Sequence[Mapping[str, Any]],
    conversations: Sequence[Conversation],
    engine: EngineConfig,
    sampling: SamplingConfig,
    seed: int,
    checkpoints: Path,
) -> Drawn:
    """Sample a model on problems, asked as these conversations ask.

    Args:
        policy: whose directory's name is the candidates' source.
        problems: rows of `prompt`, `task`, `answer`.
        conversations: one per problem.
        engine, sampling: how.
        seed: of sampling.
        checkpoints: where finished completions are kept.
    """
    sampler = open_sampler(policy, engine, checkpoints)
    started = time.perf_counter()
    drawn = sampler.sample(conversations, sampling, seed)
    seconds = time.perf_counter() - started
    sampler.close()  # the next model needs its room
    source = policy.directory.name
    candidates = [
        [Candidate(dict(problem), completion, source) for completion in completions]
        for problem, completions in zip(problems, drawn, strict=True)
    ]
    return Drawn(candidates, sampler.name, seconds)


def curated(
    examples: Rows,
    candidates: Sequence[Candidate],
    reasons: Sequence[Reason],
    counts: dict[str, Any],
    engine: str,
    seconds: float,
) -> Curated:
    """Put together what was kept, with counts, acceptance and speed."""
    counts = {**counts, **acceptance(reasons)}
    tokens = sum(candidate.completion.tokens for candidate in candidates)
    speed = {"engine": engine, "tokens": tokens, "tokens_per_second": tokens / seconds}
    return Curated(examples, as_table(candidates, reasons), counts, {**counts, **speed})
