"""How a reward model learns from pairs: the chosen response should score higher."""


def preference_loss(chosen: list[float], rejected: list[float]) -> float:
    """The Bradley-Terry loss: mean of -log sigmoid(chosen - rejected).

    Args:
        chosen, rejected: score of each response, pair by pair. None is too large: 1000 and -1000 must not overflow.

    >>> round(preference_loss([1.0], [1.0]), 4)
    0.6931
    """
    raise NotImplementedError
