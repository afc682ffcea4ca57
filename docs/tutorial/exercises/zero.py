"""GRPO needs no critic: a completion is as good as it is better than the others of its prompt."""


def advantages(rewards: list[float]) -> list[float]:
    """The advantage of each completion of one group (paper, equation 3).

    Args:
        rewards: of the group's completions, two or more.

    Returns:
        Each reward minus the group's mean, divided by the group's sample deviation (n - 1 in the denominator). All 0 if
        the rewards are equal: such a group teaches nothing.

    >>> [round(value, 2) for value in advantages([1.0, 0.0, 0.0, 0.0])]
    [1.5, -0.5, -0.5, -0.5]
    """
    raise NotImplementedError
