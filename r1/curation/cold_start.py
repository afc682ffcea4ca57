"""Few-shot prompting for the cold start: long chains of thought as worked examples (paper section 2.3.1)."""

from r1.models.chat import WORKED_EXAMPLES, as_messages
from r1.sampling import Conversation


def with_few_shot(question: str, shots: int) -> Conversation:
    """A conversation in which the assistant has already answered `shots` worked examples."""
    return [
        *(message for example in WORKED_EXAMPLES[:shots] for message in as_messages(*example)),
        *as_messages(question),
    ]
