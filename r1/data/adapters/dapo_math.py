"""DAPO-Math-17k: competition problems with integer answers, in verl's layout, instructions wrapped around each.

Instance: {"data_source": "math_dapo", "prompt": [{"role": "user", "content": "Solve the following ... \\n\\nWhat is
1 + 1?\\n\\nRemember to put ..."}], "ability": "MATH", "reward_model": {"ground_truth": "2", "style": "..."},
"extra_info": {"index": "..."}}. Schema: huggingface.co/datasets/BytedTsinghua-SIA/DAPO-Math-17k,
data/dapo-math-17k.parquet; Yu et al., arXiv 2503.14476. The file holds its 17 thousand problems a hundred times
over, 1.79 million rows; the others count as duplicates.

The instructions ask for a different form of answer than our templates do, so they are removed.
"""

from r1.data.adapters.adapter import Adapter, AdapterReason, Question
from r1.data.files import Row

BEFORE = (
    "Solve the following math problem step by step. The last line of your response should be of the form Answer: "
    "$Answer (without quotes) where $Answer is the answer to the problem.\n\n"
)
AFTER = '\n\nRemember to put your answer on its own line after "Answer:".'


def _convert(row: Row) -> Question | AdapterReason:
    messages = row["prompt"]
    if not isinstance(messages, list) or len(messages) != 1 or not isinstance(messages[0].get("content"), str):
        return "not_a_conversation"
    text = messages[0]["content"]
    if not (text.startswith(BEFORE) and text.endswith(AFTER)):
        return "other_instructions"
    return Question(text[len(BEFORE) : -len(AFTER)], row["reward_model.ground_truth"])


DAPO_MATH = Adapter("math", {"prompt": ("messages",), "reward_model.ground_truth": ("text",)}, _convert)
