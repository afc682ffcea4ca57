"""Conversations to imitate: SmolTalk's and Tulu 3's `messages`, of which the first exchange is taken.

Instance: {"messages": [{"role": "user", "content": "Name a bird."}, {"role": "assistant", "content": "The wren."}],
"source": "..."}. Schemas: huggingface.co/datasets/HuggingFaceTB/smoltalk, data/<subset>/train-*.parquet, 1.04 million
rows in data/all (arXiv 2502.02737); allenai/tulu-3-sft-mixture, data/train-*.parquet, 939,344 rows (arXiv 2411.15124).

Our stages use one question and one response: everything after the first exchange is left out. Conversations with a
system prompt are dropped, since it decides how to answer.
"""

from typing import Any

from r1.data.adapters.adapter import AdapterReason, GeneralAdapter
from r1.data.files import Row
from r1.data.general import GeneralPrompt


def first_exchange(messages: Any) -> tuple[str, str] | AdapterReason:
    """The user's first message and the assistant's reply."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return "not_a_conversation"
    if messages and messages[0].get("role") == "system":
        return "system_prompt"
    roles = [message.get("role") for message in messages[:2]]
    texts = [message.get("content") for message in messages[:2]]
    if roles != ["user", "assistant"] or not all(isinstance(text, str) for text in texts):
        return "not_a_conversation"
    return texts[0], texts[1]


def _convert(row: Row) -> GeneralPrompt | AdapterReason:
    exchange = first_exchange(row["messages"])
    return (
        exchange if isinstance(exchange, str) else GeneralPrompt(exchange[0], "helpful", "instruction", exchange[1], "")
    )


MESSAGES = GeneralAdapter({"messages": ("messages",)}, _convert)
