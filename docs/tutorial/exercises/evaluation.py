"""pass@k from n samples, without the bias of the obvious formula."""


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Probability that at least one is correct of k samples, drawn without replacement from the n at hand.

    Its mean is the true pass@k (arXiv 2107.03374); that of 1 - (1 - correct / n) ** k is too low.

    Args:
        n: samples.
        correct: the correct ones among them.
        k: from 1 to n.

    >>> pass_at_k(4, 1, 2)
    0.5
    """
    raise NotImplementedError
