"""An interval for a model's accuracy, by bootstrap over what is independent."""


def interval(correct: list[list[float]]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the mean.

    Samples of one problem are not independent, problems are: resample problems, with replacement, 5,000 times, and
    take the 2.5th and the 97.5th percentile of the means. NumPy helps.

    Args:
        correct: [problem][sample], 1 or 0.

    Returns:
        Low and high.
    """
    raise NotImplementedError
