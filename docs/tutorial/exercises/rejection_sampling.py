"""Which samples of the reasoning checkpoint become SFT data."""

from typing import Any


def keep(candidates: list[dict[str, Any]], most: int) -> list[bool]:
    """Go through the candidates in order, and say of each whether it is kept.

    A candidate is kept if it is good, if the same completion of the same prompt was not kept before, and if fewer than
    `most` completions of its prompt were.

    Args:
        candidates: with `prompt`, `completion`, and `good`: complete, correct and readable.
        most: completions to keep of each prompt.

    >>> keep([{"prompt": "1 + 1?", "completion": "2", "good": True}] * 2, most=4)
    [True, False]
    """
    raise NotImplementedError
