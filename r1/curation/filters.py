"""Filters for sampled completions: each is kept, or dropped for one stated reason."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from r1.rewards.accuracy import are_correct
from r1.rewards.response import parse_response, unreadable_because
from r1.sampling import Completion
from r1.support.errors import UserError

Reason = Literal[
    "kept",
    "truncated",
    "no_single_answer",
    "wrong",
    "no_reasoning",
    "mixed_language",
    "code_block",
    "long_paragraph",
    "repetition",
    "duplicate",
    "enough_for_prompt",
    "enough",
]


class NothingKept(UserError):
    """No candidate passed the filters."""


@dataclass(frozen=True)
class Candidate:
    """A sampled completion of a problem, with the name of the model that wrote it."""

    problem: dict[str, Any]
    completion: Completion
    source: str


def drop_reasons(candidates: Sequence[Candidate], max_paragraph_words: int) -> list[Reason]:
    """Return the reason to drop each candidate; 'kept' if it is complete, correct, reasoned, monolingual and readable.

    Duplicates and caps are left to `select`.
    """
    complete = [candidate for candidate in candidates if not candidate.completion.truncated]
    correct = iter(
        are_correct(
            [candidate.completion.text for candidate in complete],
            [candidate.problem["task"] for candidate in complete],
            [candidate.problem["answer"] for candidate in complete],
        )
    )
    return [
        "truncated" if sampled.truncated else _drop_reason(sampled, next(correct), max_paragraph_words)
        for sampled in (candidate.completion for candidate in candidates)
    ]


def _drop_reason(completion: Completion, correct: bool, max_paragraph_words: int) -> Reason:
    response = parse_response(completion.text)
    if response.answer is None:
        return "no_single_answer"
    if not correct:
        return "wrong"
    if not response.reasoning:
        return "no_reasoning"
    return unreadable_because(completion.text, max_paragraph_words=max_paragraph_words) or "kept"  # type: ignore[return-value]


def select(
    candidates: Sequence[Candidate], max_paragraph_words: int, max_kept_per_prompt: int, max_kept: int | None = None
) -> list[Reason]:
    """Filter the candidates in order, drop duplicate completions of a prompt, and cap how many are kept.

    Returns:
        [candidate], the reason each was dropped, or 'kept'.
    """
    per_prompt: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    kept = 0
    reasons: list[Reason] = []
    for candidate, judged in zip(candidates, drop_reasons(candidates, max_paragraph_words), strict=True):
        prompt, text, reason = candidate.problem["prompt"], candidate.completion.text, judged
        if reason == "kept" and (prompt, text) in seen:
            reason = "duplicate"
        elif reason == "kept" and per_prompt[prompt] >= max_kept_per_prompt:
            reason = "enough_for_prompt"
        elif reason == "kept" and max_kept is not None and kept >= max_kept:
            reason = "enough"
        if reason == "kept":
            seen.add((prompt, text))
            per_prompt[prompt] += 1
            kept += 1
        reasons.append(reason)
    return reasons


def check_kept(candidates: Sequence[Candidate], reasons: Sequence[Reason], limits: Mapping[Reason, str]) -> None:
    """Check that something was kept, while the completions are at hand.

    Args:
        candidates: completions.
        reasons: of each, from `select`.
        limits: what a limit is set to, as "key = value", by the reason that it gives.

    Raises:
        NothingKept: if nothing was, with the counts by reason and their limits, the likely cause, and what to do.
    """
    if "kept" in reasons:
        return
    counts = Counter(reasons)
    listed = ", ".join(
        f"{reason} {count}" + (f" ({limits[reason]})" if reason in limits else "")
        for reason, count in counts.most_common()
    )
    most = counts.most_common(1)[0][0] if counts else None
    dropped = [candidate for candidate, reason in zip(candidates, reasons, strict=True) if reason == most]
    raise NothingKept(
        f"none of {len(reasons)} completions passed the filters: {listed or 'there are none'}; {_likely(most, dropped)}"
    )


_ADVICE: dict[Reason | None, str] = {
    None: "no prompt fits in the model's context: lower max_new_tokens",
    "truncated": "they reach max_new_tokens: raise it",
    "no_reasoning": "they answer without thinking: train the sampled model's form longer, or choose another teacher",
    "mixed_language": "they are not all English: sample a model trained with language_consistency_reward",
    "code_block": "they contain code fences, which R1's filters drop: ask the teacher for prose",
    "long_paragraph": "their lines have more than max_paragraph_words words: raise it",
    "repetition": "they repeat lines: lower the temperature, or train the sampled model with repetition_penalty_reward",
}


def _likely(most: Reason | None, dropped: Sequence[Candidate]) -> str:
    """The likely cause, from the most common reason and the completions dropped for it."""
    if most == "no_single_answer":
        texts = [candidate.completion.text for candidate in dropped]
        boxed = sum("\\boxed" in text and "<answer>" not in text for text in texts)
        several = sum(text.count("<answer>") > 1 or text.count("<think>") > 1 for text in texts)
        if 2 * boxed >= len(texts):
            return (
                f"{boxed} answer in \\boxed{{}} without <answer>: sample such a teacher with engine=openai, which puts "
                "its completions into our form"
            )
        if 2 * several >= len(texts):
            return f"{several} have repeated tags: they go on after </answer>; train the sampled model's form longer"
        return "they lack the think/answer form: train the sampled model with format_reward, longer"
    if most == "wrong":
        first = dropped[0]
        said = parse_response(first.completion.text).answer
        return (
            f"they are wrong, such as {said!r:.60} for gold {first.problem['answer']!r:.60}: choose easier problems or "
            "a better model, or raise num_samples"
        )
    return _ADVICE.get(most, "raise max_examples or num_samples")


def rewrite(completion: str) -> str:
    """Rewrite a completion in R1's readable form: reasoning, then a summary with the answer (paper section 2.3.1).

    >>> rewrite("First 2 + 2 = 4.\\nThe answer is 4.")
    '<think>First 2 + 2 = 4.</think>The answer is <answer>4</answer>'
    """
    response = parse_response(completion)
    reasoning = "\n".join(line.strip() for line in response.reasoning.splitlines() if line.strip())
    return f"<think>{reasoning}</think>The answer is <answer>{response.answer}</answer>"


def as_table(candidates: Iterable[Candidate], reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """Build one row per candidate, for `inspect`: the completion, its source, and why it was kept or dropped."""
    return [
        {
            **{key: candidate.problem.get(key) for key in ("family", "task", "level")},
            "prompt": candidate.problem["prompt"],
            "answer": candidate.problem["answer"],
            "completion": candidate.completion.text,
            "tokens": candidate.completion.tokens,
            "source": candidate.source,
            "reason": reason,
        }
        for candidate, reason in zip(candidates, reasons, strict=True)
    ]


def acceptance(reasons: Sequence[Reason]) -> dict[str, Any]:
    """Compute the share that was kept, and the counts by reason."""
    counts = Counter(reasons)
    return {
        "candidates": len(reasons),
        "acceptance_rate": counts["kept"] / len(reasons) if reasons else 0.0,
        "reasons": dict(sorted(counts.items())),
    }
