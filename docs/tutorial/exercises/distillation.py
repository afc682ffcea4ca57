"""The control of distillation gets at least as much compute; how many steps of RL is that?"""


def rl_steps(sft_tokens: int, step_tokens: int) -> int:
    """The fewest steps of RL that cost at least as many operations as the distillation of the same model.

    A forward pass costs 2 operations per parameter and token; training, which is forward and backward, costs 6. RL
    passes every token forward twice (generation, and the reference policy's log-probabilities) and trains on it once.

    Args:
        sft_tokens: that distillation trains on, in all its epochs.
        step_tokens: of all rollouts of a step, prompts included.

    >>> rl_steps(sft_tokens=10_000, step_tokens=1000)
    6
    """
    raise NotImplementedError
