"""What each file in this folder declares: a published schema, and how a row becomes one of ours."""

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
    "greeting",
    "different_prompts",
    "equal_responses",
    "both_unsafe",
    "no_preference",
]
"""Why an adapter drops a row of a published data set, before any other check."""


class Question(NamedTuple):
    """A question with its answer, both still unchecked.

    Attributes:
        prompt: the question.
        answer: the gold answer; for code, its tests.
        solution: what the verifier must accept where the gold answer is not an answer itself: code that passes the
            tests.
    """

    prompt: Any
    answer: Any
    solution: str | None = None


@dataclass(frozen=True)
class Adapter:
    """A published data set of problems.

    Attributes:
        task: task whose verifier checks the answers.
        columns: required columns of its schema.
        convert: turns a row into a question, or the reason to drop it.
    """

    task: str
    columns: Columns
    convert: Callable[[Row], Question | AdapterReason]


@dataclass(frozen=True)
class GeneralAdapter:
    """A published data set of general prompts; see Adapter."""

    columns: Columns
    convert: Callable[[Row], GeneralPrompt | AdapterReason]
