"""Is the final answer right? The one reward that cannot be talked into a mistake."""

import re
from collections.abc import Sequence
from typing import Any

from r1.rewards.common import Completions, texts
from r1.tasks import TASKS
from r1.text import parse_response

MAX_ANSWER_CHARACTERS = 256
# math-verify reads "5 = 4" as 4: a relation between numbers, or several in a row, is no single answer.
_CHAIN = re.compile(r"=.*=|\\approx|≈|^\s*[-+.\d\s]+=")


def is_correct(completion: str, task: str, answer: str) -> bool:
    """True if the completion's one final answer is verified by its task. Never raises.

    A completion without a single final answer is wrong, see `parse_response`.
    """
    predicted = parse_response(completion).answer
    if predicted is None or len(predicted) > MAX_ANSWER_CHARACTERS:
        return False
    try:
        return TASKS[task].verify(predicted, answer)
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
        task: [batch], name of the task that verifies; "" for general prompts;
            "math" goes through math-verify by way of TRL's accuracy_reward.
        answer: [batch], gold answers.
    """
    return [
        None if not name else _mathematics(text, gold) if name == "math" else float(is_correct(text, name, gold))
        for text, name, gold in zip(texts(completions), task, answer, strict=True)
    ]


def _mathematics(text: str, gold: str) -> float | None:
    from trl.rewards import accuracy_reward as trl_accuracy_reward

    predicted = parse_response(text).answer
    if predicted is None or len(predicted) > MAX_ANSWER_CHARACTERS or _CHAIN.search(predicted):
        return 0.0
    boxed = [[{"role": "assistant", "content": f"\\boxed{{{predicted}}}"}]]
    try:
        reward: float | None = trl_accuracy_reward(boxed, [f"\\boxed{{{gold}}}"])[0]
        return reward
    except Exception:
        return 0.0
