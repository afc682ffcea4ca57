"""The cold-start set: long, readable chains of thought in one language (paper section 2.3.1)."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

from r1.config.finetuning import ColdStartDataConfig
from r1.curation.curated import Curated, assemble, draw, limits
from r1.curation.filters import check_kept, rewrite, select
from r1.models.chat import WORKED_EXAMPLES, as_messages
from r1.models.policy import Policy
from r1.sampling import Conversation


def cold_start_set(
    zero: Policy,
    base: Policy,
    problems: list[dict[str, Any]],
    config: ColdStartDataConfig,
    seed: int,
    checkpoints: Path,
) -> Curated:
    """Sample R1-Zero and the few-shot base; keep correct, readable completions, rewritten.

    Args:
        zero, base: policies to sample.
        problems: rows of `prompt`, `task`, `answer`.
        config: engine and sampling parameters; how many examples to keep.
        seed: sampling seed.
        checkpoints: folder that keeps finished completions, to resume from.

    Raises:
        NothingKept: if no completion passes the filters.
    """
    asked = {
        zero: [as_messages(problem["prompt"]) for problem in problems],
        base: [with_few_shot(problem["prompt"], config.few_shot) for problem in problems],
    }
    drawn = [
        draw(policy, problems, conversations, config.engine, config.sampling, seed, checkpoints)
        for policy, conversations in asked.items()
    ]
    # Problem by problem, alternating between the two sources, so that neither crowds out the other.
    candidates = [
        candidate
        for of_problem in zip(*(one.candidates for one in drawn), strict=True)
        for pair in zip_longest(*of_problem)  # one source may lack the room for a prompt
        for candidate in pair
        if candidate is not None
    ]
    reasons = select(candidates, config.max_paragraph_words, config.max_kept_per_prompt, config.max_examples)
    check_kept(candidates, reasons, limits("cold_start_data", config))
    examples = [
        {"prompt": candidate.problem["prompt"], "completion": rewrite(candidate.completion.text)}
        for candidate, reason in zip(candidates, reasons, strict=True)
        if reason == "kept"
    ]
    seconds = sum(one.seconds for one in drawn)
    counts = {"examples": len(examples), "too_long": sum(one.too_long for one in drawn)}
    return assemble(examples, candidates, reasons, counts, drawn[0].engine, seconds)


def with_few_shot(question: str, shots: int) -> Conversation:
    """Build a conversation in which the assistant has already answered `shots` worked examples."""
    return [
        *(message for example in WORKED_EXAMPLES[:shots] for message in as_messages(*example)),
        *as_messages(question),
    ]
