"""The SFT set: rejection sampling from the reasoning checkpoint, plus general data (paper section 2.3.3)."""

from pathlib import Path
from typing import Any

from r1.config.finetuning import RejectionSamplingConfig
from r1.curation.curated import Curated, assemble, draw, limits
from r1.curation.filters import check_kept, select
from r1.models.chat import as_messages
from r1.models.policy import Policy


def sft_set(
    policy: Policy,
    problems: list[dict[str, Any]],
    general: list[dict[str, Any]],
    config: RejectionSamplingConfig,
    seed: int,
    checkpoints: Path,
) -> Curated:
    """Keep correct, readable, single-language completions, and add general examples in R1's proportion.

    Args:
        policy: the reasoning checkpoint.
        problems: rows of `prompt`, `task`, `answer`.
        general: rows of `prompt` and `chosen`.
        config: engine and sampling parameters; how many examples to keep.
        seed: sampling seed.
        checkpoints: folder that keeps finished completions, to resume from.

    Raises:
        NothingKept: if no completion passes the filters.
    """
    conversations = [as_messages(problem["prompt"]) for problem in problems]
    drawn = draw(policy, problems, conversations, config.engine, config.sampling, seed, checkpoints)
    candidates = [candidate for of_problem in drawn.candidates for candidate in of_problem]
    # Cap the reasoning examples so that the general ones suffice for R1's proportion.
    most = int(len(general) / config.general_ratio) if config.general_ratio else None
    reasons = select(candidates, config.max_paragraph_words, config.max_kept_per_prompt, most)
    check_kept(candidates, reasons, limits("rejection_sampling", config))
    reasoning = [
        {"prompt": candidate.problem["prompt"], "completion": candidate.completion.text, "kind": "reasoning"}
        for candidate, reason in zip(candidates, reasons, strict=True)
        if reason == "kept"
    ]
    added = [
        {"prompt": row["prompt"], "completion": row["chosen"], "kind": "general"}
        for row in general[: round(len(reasoning) * config.general_ratio)]
    ]
    counts = {"reasoning": len(reasoning), "general": len(added), "too_long": drawn.too_long}
    return assemble(reasoning + added, candidates, reasons, counts, drawn.engine, drawn.seconds)
