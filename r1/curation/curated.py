"""A fine-tuning set made of sampled and filtered completions."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from r1.config.finetuning import ColdStartDataConfig, RejectionSamplingConfig
from r1.config.sampling import EngineConfig, OpenaiEngineConfig, SamplingConfig
from r1.curation.filters import Candidate, Reason, acceptance, as_table
from r1.curation.form import into_form
from r1.models.policy import Policy
from r1.sampling import Conversation, open_sampler
from r1.support.tables import write_rows

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Curated:
    """The kept examples, and every candidate with the reason it was kept or dropped.

    Attributes:
        examples: rows of `prompt` and `completion`.
        candidates: one row per completion, with its reason.
        counts: counts for the manifest.
        metrics: metrics by name.
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
    """Candidates, [problem][sample], with the engine's name and the sampling time in seconds.

    A problem that does not fit in the model's context has none; `too_long` counts these.
    """

    candidates: list[list[Candidate]]
    too_long: int
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
    """Sample a model on problems, each prompted with its conversation.

    An endpoint's completions are a teacher's, which knows nothing of our form: they are put into it. Our own models'
    stay as they are, so that a lack of form shows.

    Args:
        policy: model to sample; its directory's name becomes the candidates' source.
        problems: rows of `prompt`, `task`, `answer`.
        conversations: one per problem.
        engine, sampling: engine and sampling parameters.
        seed: sampling seed.
        checkpoints: folder that keeps finished completions, to resume from.
    """
    sampler = open_sampler(policy, engine, checkpoints)
    started = time.perf_counter()
    drawn = sampler.sample(conversations, sampling, seed)
    seconds = time.perf_counter() - started
    sampler.close()  # frees its memory for the next model
    source = policy.directory.name
    if isinstance(engine, OpenaiEngineConfig):
        drawn = [
            [replace(one, text=into_form(one.text, problem["task"])) for one in completions]
            for problem, completions in zip(problems, drawn, strict=True)
        ]
    candidates = [
        [Candidate(dict(problem), completion, source) for completion in completions]
        for problem, completions in zip(problems, drawn, strict=True)
    ]
    return Drawn(candidates, drawn.count([]), sampler.name, seconds)


def limits(section: str, config: ColdStartDataConfig | RejectionSamplingConfig) -> dict[Reason, str]:
    """Key and value of each limit that drops a completion, by its reason."""
    return {
        "truncated": f"{section}.sampling.max_new_tokens = {config.sampling.max_new_tokens}",
        "long_paragraph": f"{section}.max_paragraph_words = {config.max_paragraph_words}",
    }


def assemble(
    examples: Rows,
    candidates: Sequence[Candidate],
    reasons: Sequence[Reason],
    counts: dict[str, Any],
    engine: str,
    seconds: float,
) -> Curated:
    """Assemble the set with its counts, acceptance rate and sampling speed."""
    counts = {**counts, **acceptance(reasons)}
    tokens = sum(candidate.completion.tokens for candidate in candidates)
    speed = {"engine": engine, "tokens": tokens, "tokens_per_second": tokens / seconds}
    return Curated(examples, as_table(candidates, reasons), counts, {**counts, **speed})
