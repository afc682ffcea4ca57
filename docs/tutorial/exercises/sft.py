"""The loss of SFT: on the completion alone, with every token as heavy as any other."""


def completion_loss(logprobs: list[list[float]], completion: list[list[int]]) -> float:
    """The loss of one optimizer step.

    Args:
        logprobs: [example][token], log-probability of each token given those before it.
        completion: [example][token], 1 on the tokens of the completion, 0 on those of the prompt. Examples differ in
            length.

    Returns:
        Mean negative log-probability over the completion tokens of all examples.

    >>> completion_loss([[-5.0, -1.0], [-5.0, -2.0, -3.0]], [[0, 1], [0, 1, 1]])
    2.0
    """
    raise NotImplementedError
