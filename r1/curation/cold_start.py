"""Few-shot prompting for the cold start: long chains of thought as worked examples (paper section 2.3.1)."""

from r1.models.chat import as_messages
from r1.sampling import Conversation

_EXAMPLES = (
    ("What is 3 + 4 - 2?", "<think>First 3 + 4 = 7.\nThen 7 - 2 = 5.</think><answer>5</answer>"),
    ("What is 9 - 6 + 1?", "<think>First 9 - 6 = 3.\nThen 3 + 1 = 4.</think><answer>4</answer>"),
)


def with_few_shot(question: str, shots: int) -> Conversation:
    """A conversation in which the assistant has already answered `shots` worked examples.

    Three-term sums, which no split of the miniature asks.
    """
    return [
        *(message for example in _EXAMPLES[:shots] for message in as_messages(*example)),
        *as_messages(question),
    ]
