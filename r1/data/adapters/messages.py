"""Conversations to imitate: SmolTalk's and Tulu 3's `messages`, of which the first exchange is taken.

Instance: {"messages": [{"role": "user", "content": "Name a bird."}, {"role": "assistant", "content": "The wren."}],
"source": "..."}. Schemas: huggingface.co/datasets/HuggingFaceTB/smoltalk, data/<subset>/train-*.parquet, 1.04 million
rows in data/all (arXiv 2502.02737); allenai/tulu-3-sft-mixture, data/train-*.parquet, 939,344 rows (arXiv 2411.15124).

Our stages use one question and one response: the first exchange that asks for something, since "Hi!" is no task. What
comes after it is left out. A system prompt decides how to answer, as in SmolTalk's rewriting and summarising subsets:
it is put before the question, as base models' templates have no turn for it.
"""

import re
from typing import Any

from r1.data.adapters.adapter import AdapterReason, GeneralAdapter
from r1.data.files import Row
from r1.data.general import GeneralPrompt

_WORDS = "|".join(
    (
        r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day))"
        r"(?: (?:there|everyone|all|again|friend|assistant))?",
        r"how are (?:you|things)(?: (?:doing|today|going))*",
        "what'?s up|how'?s it going|nice to meet you|thanks?(?: you)?",
        "你好吗|你好|您好|嗨|早上好|下午好|晚上好",
    )
)
_BETWEEN = r"[\s,.!?~、，。！？…\U0001F300-\U0001FAFF]"
_GREETING = re.compile(rf"\s*(?:(?:{_WORDS})(?:{_BETWEEN}+|\Z))+", re.IGNORECASE)


def first_exchange(messages: Any) -> tuple[str, str] | AdapterReason:
    """The user's first request, after the system prompt if there is one, and the assistant's reply."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return "not_a_conversation"
    before: Any = ""
    if messages and messages[0].get("role") == "system":
        before, messages = messages[0].get("content"), messages[1:]
    if not isinstance(before, str):
        return "not_a_conversation"
    for asked, said in zip(messages[::2], messages[1::2], strict=False):
        question, reply = asked.get("content"), said.get("content")
        roles = asked.get("role"), said.get("role")
        if roles != ("user", "assistant") or not isinstance(question, str) or not isinstance(reply, str):
            return "not_a_conversation"
        if not is_greeting(question):
            return "\n\n".join(filter(None, (before.strip(), question))), reply
    return "greeting" if len(messages) >= 2 else "not_a_conversation"


def is_greeting(text: str) -> bool:
    """True if a message only greets.

    >>> [is_greeting(text) for text in ("Hello there! How are you today?", "Hi, name a bird.", "你好！")]
    [True, False, True]
    """
    return _GREETING.fullmatch(text.replace("\u2019", "'")) is not None


def _convert(row: Row) -> GeneralPrompt | AdapterReason:
    exchange = first_exchange(row["messages"])
    return (
        exchange if isinstance(exchange, str) else GeneralPrompt(exchange[0], "helpful", "instruction", exchange[1], "")
    )


MESSAGES = GeneralAdapter({"messages": ("messages",)}, _convert)
