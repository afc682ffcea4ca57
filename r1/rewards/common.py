"""Shared by every reward: types, and the text of TRL's completions."""

from collections.abc import Callable, Sequence
from typing import Any

Completions = Sequence[Any]
"""TRL's completions, [batch]: strings, or conversations with one assistant message each."""


RewardFunction = Callable[..., list[float | None]]
"""TRL's reward signature.

Called with `completions` and the dataset's columns as keywords, each [batch];
returns one value per completion, None where the reward does not apply.
"""


def texts(completions: Completions) -> list[str]:
    """The text of each completion; empty for a completion without one."""
    return [_text(completion) for completion in completions]


def _text(completion: Any) -> str:
    if isinstance(completion, str):
        return completion
    try:
        content = completion[0]["content"]
    except (IndexError, KeyError, TypeError):
        return ""
    return content if isinstance(content, str) else ""
