"""Put a foreign teacher's completions into our form, `<think>…</think>summary<answer>…</answer>`.

Published reasoning models write their final answer in `\\boxed{}` or in a sentence. Without this every completion of
such a teacher would be dropped for having no answer.
"""

from r1.rewards.reading import read_leniently
from r1.rewards.response import parse_response
from r1.tasks import code


def into_form(completion: str, task: str) -> str:
    """A completion in our form, with its reasoning, its summary, and the answer that the lenient reading finds.

    Unchanged if it is in the form already, if no answer can be decided, or if nothing but the answer is said: the
    filters then drop it with their reason. Without a think block, the whole text is the reasoning.

    >>> into_form("<think>3 + 1 = 4</think>The sum is $\\\\boxed{4}$.", "math")
    '<think>3 + 1 = 4</think>The sum is $\\\\boxed{4}$.\\n<answer>4</answer>'
    """
    if parse_response(completion).well_formed:
        return completion
    answer = read_leniently(completion, task)
    thought, closed, said = completion.strip().rpartition("</think>")
    if not closed:
        thought, said = said, ""
    thought, said = thought.strip().removeprefix("<think>").strip(), said.strip()
    if answer is None or not thought or not _says_more(thought, answer):
        return completion
    summary = "" if task == code.NAME or not said else f"{said}\n"  # code's summary is a fence with the answer again
    formed = f"<think>{thought}</think>{summary}<answer>{answer}</answer>"
    return formed if parse_response(formed).well_formed else completion


def _says_more(thought: str, answer: str) -> bool:
    """False if a thought is only the answer in some dress."""
    return sum(map(str.isalnum, thought.replace("\\boxed", "").replace(answer, "", 1))) > 0
