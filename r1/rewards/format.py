"""Rewards for R1's form, regardless of content."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from r1.rewards.common import Completions, texts
from r1.rewards.response import Response, parse_response

_STEP = re.compile(
    r"^\s*(?:step \d+\b|\d+[.)]\s|[-*] |first\b|second\b|then\b|next\b|finally\b|先算|再算)",
    re.IGNORECASE | re.MULTILINE,
)


def format_reward(*, completions: Completions, task: Sequence[str] | None = None, **_: Any) -> list[float | None]:
    """1 if the response is one `<think>…</think>` and then one `<answer>…</answer>`, else 0 (paper section 2.2.2).

    Tags alone earn nothing: both the reasoning and the answer need a letter, a digit, or a symbol that may be an answer
    (∞, ∅). None for general prompts (task ""), which are answered without the form.

    Rewarded: `<think>2 + 2 = 4.</think><answer>4</answer>`.
    Not: `<think><think>2 + 2</think></think><answer>4</answer>`, `<think></think><answer>4</answer>`.
    """
    return _of_reasoning(completions, task, lambda text: float(_is_filled_form(parse_response(text))))


def _is_filled_form(response: Response) -> bool:
    return response.well_formed and all(map(_says, (response.reasoning, response.answer or "")))


def _says(part: str) -> bool:
    """True if it has more than white space, punctuation and ASCII operators (+, =), which cannot be an answer."""
    return any(char.isalnum() or (not char.isascii() and unicodedata.category(char) == "Sm") for char in part)


def tag_count_reward(*, completions: Completions, task: Sequence[str] | None = None, **_: Any) -> list[float | None]:
    """A quarter for each of the four tags that occurs exactly once (open-r1's partial credit for the form).

    Rewarded with 1: `<think>a</think><answer>4</answer>`; with 0.5: `<think>a</think>4`.
    """
    tags = ("<think>", "</think>", "<answer>", "</answer>")
    return _of_reasoning(completions, task, lambda text: sum(text.count(tag) == 1 for tag in tags) / len(tags))


@dataclass(frozen=True)
class ReasoningStepsReward:
    """Reward for visible steps (open-r1): their number divided by `target`, at most 1.

    Rewarded with 1 for target 2: lines that start "First …", "Then …". With 0: "4".
    """

    __name__ = "reasoning_steps_reward"
    target: int

    def __call__(self, *, completions: Completions, task: Sequence[str] | None = None, **_: Any) -> list[float | None]:
        """Score each completion [batch]; None for general prompts (task "")."""
        return _of_reasoning(
            completions,
            task,
            lambda text: min(1.0, len(set(_lines_with_steps(parse_response(text).reasoning))) / self.target),
        )


def _lines_with_steps(reasoning: str) -> list[str]:
    """Lines that start like a step; the caller counts equal lines once, so that repeating one does not pay."""
    return [line.strip() for line in reasoning.splitlines() if _STEP.match(line)]


def _of_reasoning(
    completions: Completions, task: Sequence[str] | None, reward: Callable[[str], float]
) -> list[float | None]:
    """The reward of each completion; None for general prompts (task ""), which are answered without the form."""
    names = task if task is not None else ["?"] * len(completions)
    return [reward(text) if name else None for text, name in zip(texts(completions), names, strict=True)]
