"""Cut rows, sorted by length, into micro-batches that are padded to their own longest, for training and scoring."""

from collections.abc import Sequence

Lengths = Sequence[tuple[int, int]]
"""Tokens of the prompt, padded on the left, and of the rest, padded on the right, row by row."""


def padded_tokens(lengths: Lengths, rows: Sequence[int]) -> int:
    """Tokens that the rows take together, both parts padded to their longest."""
    return len(rows) * (max(lengths[row][0] for row in rows) + max(lengths[row][1] for row in rows))


def by_length(lengths: Lengths) -> list[int]:
    """Rows, the longest first: by the second part, then by prompt; in a group of rollouts only completions differ."""
    return sorted(range(len(lengths)), key=lambda row: (-lengths[row][1], -lengths[row][0], row))


def cut(lengths: Lengths, budget: int, least: int = 1) -> list[list[int]]:
    """Cut rows into micro-batches of at most `budget` tokens, in the order of `by_length`.

    Args:
        lengths: of all rows.
        budget: `padded_tokens` of a micro-batch; a longer row is one by itself.
        least: micro-batches to make at least, up to one per row; the widest are halved until there are so many.

    Returns:
        Indices of rows by micro-batch; each row occurs once.
    """
    parts: list[list[int]] = []
    for row in by_length(lengths):
        if parts and padded_tokens(lengths, [*parts[-1], row]) <= budget:
            parts[-1].append(row)
        else:
            parts.append([row])
    while len(parts) < min(least, len(lengths)):
        widest = max(range(len(parts)), key=lambda part: (len(parts[part]) > 1, padded_tokens(lengths, parts[part])))
        half = len(parts[widest]) // 2
        parts[widest : widest + 1] = [parts[widest][:half], parts[widest][half:]]
    return parts


def balanced(lengths: Lengths, count: int) -> list[list[int]]:
    """Cut rows into `count` micro-batches such that the widest has as few tokens as possible.

    No micro-batch is wider than one of equal rows would be, padded to the longest of all.

    Args:
        lengths: of all rows, at least `count`.
        count: number of micro-batches.
    """
    low, high = 1, padded_tokens(lengths, range(len(lengths)))
    while low < high:
        middle = (low + high) // 2
        if len(cut(lengths, middle)) <= count:
            high = middle
        else:
            low = middle + 1
    return cut(lengths, low, least=count)
