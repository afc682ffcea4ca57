"""Is the final answer right? The one reward that cannot be talked into a mistake."""

from collections.abc import Sequence
from typing import Any

from r1.errors import UserError
from r1.rewards.common import Completions, texts
from r1.tasks import VERIFIERS, code
from r1.text import parse_response

MAX_ANSWER_CHARACTERS = 256
"""Of any answer but code, whose task has its own."""


def is_correct(completion: str, task: str, answer: str) -> bool:
    """True if the completion's one final answer is verified by its task; nothing that a model writes raises.

    A completion without a single final answer is wrong, see `parse_response`.

    Raises:
        UserError: if code cannot be verified at all: no sandbox, or no tests. It would else be wrong silently.
    """
    predicted = parse_response(completion).answer
    longest = code.MAX_ANSWER_CHARACTERS if task == code.NAME else MAX_ANSWER_CHARACTERS
    if predicted is None or len(predicted) > longest:
        return False
    try:
        return VERIFIERS[task](predicted, answer)
    except UserError:
        raise
    except Exception:  # a verifier that stumbles over what a model wrote has not verified it
        return False


def accuracy_reward(
    *, completions: Completions, task: Sequence[str], answer: Sequence[str], **_: Any
) -> list[float | None]:
    """1 for a right final answer, 0 for a wrong one, None for prompts without one (paper section 2.2.2).

    Code is left to `code_reward`: None.

    Rewarded: `<think>2 + 2 = 4.</think><answer>4</answer>` (gold 4).
    Not: `<answer>4</answer><answer>5</answer>`.

    Args:
        completions: [batch].
        task: [batch], name of the task that verifies ("math" is math-verify); "" for general prompts.
        answer: [batch], gold answers.
    """
    return [
        float(is_correct(text, name, gold)) if name and name != code.NAME else None
        for text, name, gold in zip(texts(completions), task, answer, strict=True)
    ]
