"""Pretraining reads blocks of one length. Fill them with whole documents, and waste little."""


def pack(documents: list[list[int]], length: int) -> list[list[int]]:
    """Put documents into blocks; every document whole, in one block.

    Args:
        documents: token ids of each, at least one and at most `length` of them.
        length: tokens that fit in a block.

    Returns:
        Blocks of at most `length` token ids, without padding, in any order. At most a tenth more of them than needed.

    >>> pack([[1, 2, 3], [4, 5, 6, 7], [8]], 4)
    [[4, 5, 6, 7], [1, 2, 3, 8]]
    """
    raise NotImplementedError
