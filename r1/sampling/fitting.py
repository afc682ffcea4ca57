"""Prompts that leave no room for a full completion: dropped and counted wherever a model is sampled.

transformers would exceed the trained positions, vLLM would end the completion early.
"""

import logging
from collections.abc import Sequence, Sized

from r1.support.errors import UserError

log = logging.getLogger(__name__)


class ContextExceeded(UserError):
    """A prompt leaves no room for its completion in the model's context."""


def room(context: int | None, max_new_tokens: int, max_prompt_length: int | None = None) -> int | None:
    """Tokens that a prompt may have: what a full completion leaves of the context, at most `max_prompt_length`.

    Args:
        context: tokens of prompt and completion together; None for a model without a limit.
        max_new_tokens: tokens per completion.
        max_prompt_length: None for no further limit.

    Returns:
        None if nothing limits a prompt.
    """
    left = None if context is None else context - max_new_tokens
    return min((most for most in (left, max_prompt_length) if most is not None), default=None)


def fitting(prompts: Sequence[Sized], most: int | None, limits: str) -> list[int]:
    """Indices of the prompts that fit; warns once of the others.

    Args:
        prompts: their token ids.
        most: tokens of a prompt; None for no limit.
        limits: what `most` results from, for the messages.

    Raises:
        ContextExceeded: if there are prompts and none fits.
    """
    if most is None or not prompts:
        return list(range(len(prompts)))
    lengths = [len(prompt) for prompt in prompts]
    fits = [index for index, length in enumerate(lengths) if length <= most]
    if not fits:
        raise ContextExceeded(
            f"none of {len(prompts)} prompts fits with {limits}: they have {min(lengths)} to {max(lengths)} tokens, "
            f"and {most} would fit"
        )
    if len(fits) < len(prompts):
        log.warning(
            "%d of %d prompts do not fit with %s and are dropped: the longest has %d tokens",
            len(prompts) - len(fits),
            len(prompts),
            limits,
            max(lengths),
        )
    return fits
