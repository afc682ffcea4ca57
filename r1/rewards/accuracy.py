"""Is the final answer right? The one reward that cannot be talked into a mistake."""

from collections.abc import Sequence
from typing import Any

from r1.rewards.common import Completions, texts
from r1.tasks import VERIFIERS
from r1.text import parse_response

MAX_ANSWER_CHARACTERS = 256


def is_correct(completion: str, task: str, answer: str) -> bool:
    """True if the completion's one final answer is verified by its task. Never raises.

    A completion without a single final answer is wrong, see `parse_response`.
    """
    predicted = parse_response(completion).answer
    if predicted is None or len(predicted) > MAX_ANSWER_CHARACTERS:
        return False
    try:
        return VERIFIERS[task](predicted, answer)
    except Exception:  # a verifier that stumbles over what a model wrote has not verified it
        return False


def accuracy_reward(
    *, completions: Completions, task: Sequence[str], answer: Sequence[str], **_: Any
) -> list[float | None]:
    """1 for a right final answer, 0 for a wrong one, None for prompts without one (paper section 2.2.2).

    Rewarded: `<think>2 + 2 = 4.</think><answer>4</answer>` (gold 4).
    Not: `<answer>4</answer><answer>5</answer>`.

    Args:
        completions: [batch].
        task: [batch], name of the task that verifies ("math" is math-verify); "" for general prompts.
        answer: [batch], gold answers.
    """
    return [
        float(is_correct(text, name, gold)) if name else None
        for text, name, gold in zip(texts(completions), task, answer, strict=True)
    ]
