"""What a small file of this folder declares: a published schema, and how one row of it becomes one of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from r1.data.files import Columns, Row
from r1.data.general import GeneralPrompt

AdapterReason = Literal[
    "missing_prompt",
    "missing_answer",
    "proof",
    "multiple_choice",
    "no_final_answer",
    "no_boxed_answer",
    "not_an_aime_answer",
    "other_instructions",
    "no_single_function",
    "not_a_conversation",
    "system_prompt",
    "different_prompts",
    "equal_responses",
    "both_unsafe",
    "no_preference",
]
"""Why a row of a published data set is of no use here, before anything else is asked of it."""


class Question(NamedTuple):
    """A question with its answer, both still to be examined.

    Attributes:
        prompt: what is asked.
        answer: the gold answer; of code, its tests.
        solution: what the verifier must accept if the gold answer is none itself: code that passes the tests.
    """

    prompt: Any
    answer: Any
    solution: str | None = None


@dataclass(frozen=True)
class Adapter:
    """A data set of problems as it is published.

    Attributes:
        task: whose verifier judges the answers.
        columns: what is needed of its schema.
        convert: one row to a question, or why not.
    """

    task: str
    columns: Columns
    convert: Callable[[Row], Question | AdapterReason]


@dataclass(frozen=True)
class GeneralAdapter:
    """A data set of general prompts as it is published; see Adapter."""

    columns: Columns
    convert: Callable[[Row], GeneralPrompt | AdapterReason]
