"""A format reward, and a filter, that no completion can fool: RL finds every gap."""


def in_form(completion: str) -> bool:
    """True for one `<think>…</think>` and then one `<answer>…</answer>`.

    Each of the four tags occurs once, in this order. White space may come before and after, and any text may come
    between `</think>` and `<answer>`. The reasoning and the answer each need a letter or a digit.

    >>> in_form("<think>2 + 2 = 4.</think><answer>4</answer>")
    True
    >>> in_form("<think></think><answer>4</answer>")
    False
    """
    raise NotImplementedError
