"""Rows are cut into micro-batches: each row once, tokens bounded."""

import pytest
import torch

from r1.models.lengths import balanced, cut, padded_tokens


@pytest.mark.parametrize(
    ("lengths", "budget", "least", "expected"),
    [
        ([(2, 1), (2, 8), (2, 2)], 10, 1, [[1], [2, 0]]),
        ([(2, 1), (2, 8), (2, 2)], 30, 1, [[1, 2, 0]]),
        ([(2, 1), (2, 8), (2, 2)], 1, 1, [[1], [2], [0]]),  # each longer than the budget
        ([(2, 1), (2, 8), (2, 2)], 30, 3, [[1], [2], [0]]),
        ([(2, 1), (2, 8), (2, 2)], 30, 9, [[1], [2], [0]]),
        ([(9, 3), (1, 3), (9, 3)], 24, 1, [[0, 2], [1]]),  # equal completions: by prompt
        ([(1, 4)] * 4, 10, 3, [[0], [1], [2, 3]]),
        ([], 10, 1, []),
        ([(0, 3)] * 3, 10, 1, [[0, 1, 2]]),
        ([(0, 5), (0, 1), (0, 5), (0, 2)], 10, 1, [[0, 2], [3, 1]]),  # 2 with 5 would be 15 with padding
        ([(0, 4), (0, 30), (0, 4)], 10, 1, [[1], [0, 2]]),  # longer than a batch: alone
    ],
)
def test_cut(lengths: list[tuple[int, int]], budget: int, least: int, expected: list[list[int]]) -> None:
    assert cut(lengths, budget, least) == expected


@pytest.mark.parametrize("least", [1, 40, 200])
def test_every_row_is_in_one_micro_batch_within_the_budget(least: int) -> None:
    random = torch.Generator().manual_seed(least)
    pairs = torch.randint(1, 90, (200, 2), generator=random).tolist()
    lengths = [(prompt, completion) for prompt, completion in pairs]
    parts = cut(lengths, 500, least)
    assert sorted(row for part in parts for row in part) == list(range(200)) and len(parts) >= least
    assert all(padded_tokens(lengths, part) <= 500 for part in parts)


@pytest.mark.parametrize(
    ("lengths", "count", "expected"),
    [
        ([8, 1, 1, 1], 2, [[0], [1, 2, 3]]),
        ([4, 4, 4, 4], 2, [[0, 1], [2, 3]]),
        ([4, 4, 4, 4], 3, [[0], [1], [2, 3]]),
        ([5, 9], 1, [[1, 0]]),
    ],
)
def test_balanced(lengths: list[int], count: int, expected: list[list[int]]) -> None:
    assert balanced([(0, length) for length in lengths], count) == expected


def test_balanced_is_no_wider_than_equal_rows() -> None:
    random = torch.Generator().manual_seed(0)
    lengths = [(0, length) for length in torch.randint(1, 300, (64,), generator=random).tolist()]
    parts = balanced(lengths, 8)
    assert len(parts) == 8 and sorted(row for part in parts for row in part) == list(range(64))
    assert max(padded_tokens(lengths, part) for part in parts) <= 8 * max(length for _, length in lengths)
