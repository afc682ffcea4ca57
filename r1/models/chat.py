"""Chat templates. A model directory contains its own, so that all stages and engines build the same prompts."""

import json

HEADER = "Think first, then answer.\n"
"""The miniature's R1-Zero instruction: the paper's (Table 1), shortened to fit its context."""

_TURNS = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}{{ 'User: ' + message['content'] + '\n' }}"
    "{%- elif message['role'] == 'assistant' -%}{{ 'Assistant:\n' + message['content'] + eos_token }}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'Assistant:\n' }}{%- endif -%}"
)

_R1_ZERO = (
    "A conversation between User and Assistant. The user asks a question, and the Assistant solves it. "
    "The assistant first thinks about the reasoning process in the mind and then provides the user with the "
    "answer. The reasoning process and answer are enclosed within <think> </think> and <answer> </answer> tags, "
    "respectively, i.e., <think> reasoning process here </think> <answer> answer here </answer>.\n"
)
"""The paper's template for R1-Zero (arXiv 2501.12948, Table 1), verbatim."""

TEMPLATES = {
    "chat": _TURNS,
    "r1_zero": "{{ '" + _R1_ZERO.replace("\n", "\\n") + "' }}" + _TURNS,
    "r1_zero_short": "{{ '" + HEADER.replace("\n", "\\n") + "' }}" + _TURNS,
}
"""Templates by name: `chat` from the cold start on, the others for R1-Zero."""


WORKED_EXAMPLES = (
    ("What is 3 + 4 - 2?", "<think>First 3 + 4 = 7.\nThen 7 - 2 = 5.</think><answer>5</answer>"),
    ("What is 9 - 6 + 1?", "<think>First 9 - 6 = 3.\nThen 3 + 1 = 4.</think><answer>4</answer>"),
)
"""Few-shot exchanges in R1-Zero's format. No split of the miniature contains three-term sums like these."""
_OPENED = "{#- worked examples end here -#}"


def with_examples(template: str, count: int) -> str:
    """A chat template that puts `count` worked examples before the conversation."""
    examples = [message for example in WORKED_EXAMPLES[:count] for message in as_messages(*example)]
    return f"{{%- set messages = {json.dumps(examples)} + messages -%}}{_OPENED}{template}"


def without_examples(template: str) -> str:
    """A chat template without what `with_examples` added."""
    return template.rpartition(_OPENED)[2]


def turn(question: str, response: str, header: bool) -> str:
    """One exchange as the `chat` template (with header: `r1_zero_short`) renders it, without the end token."""
    return f"{HEADER if header else ''}User: {question}\nAssistant:\n{response}"


def as_messages(question: str, response: str | None = None) -> list[dict[str, str]]:
    """A question, and its response if there is one, as messages for chat templates and TRL."""
    messages = [{"role": "user", "content": question}]
    if response is not None:
        messages.append({"role": "assistant", "content": response})
    return messages
