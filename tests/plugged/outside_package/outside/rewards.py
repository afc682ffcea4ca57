"""Short completions are better; there is nothing to say of general prompts."""

from collections.abc import Sequence
from typing import Any


def brevity(completions: Sequence[Any], task: Sequence[str], **_: Any) -> list[float | None]:
    texts = [completion if isinstance(completion, str) else completion[0]["content"] for completion in completions]
    return [1 / (1 + len(text)) if name else None for text, name in zip(texts, task, strict=True)]
