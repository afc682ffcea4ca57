"""Test a checkpoint's chat template, which is a program, before using it.

transformers renders it in Jinja's sandbox, which denies access to Python's internals
but limits neither time nor memory. So the template is rendered once in a separate
process that limits both, on conversations like ours.
"""

import json
import resource
import subprocess
import sys
from typing import Any

from transformers import PreTrainedTokenizerBase

from r1.models.chat import as_messages
from r1.support.errors import UserError

SECONDS = 30  # mostly for starting Python and transformers on a busy machine
_MEMORY = 4 * 2**30
_CHARACTERS = 20_000  # R1's own template renders to a few hundred
_QUESTION = "What is 1 + 3?"


class BrokenTemplate(UserError):
    """A tokenizer's chat template is missing, or cannot render our conversations."""


def try_template(tokenizer: PreTrainedTokenizerBase, checkpoint: str, seconds: float = SECONDS) -> None:
    """Render the tokenizer's chat template once, with limits on time, memory and length.

    Raises:
        BrokenTemplate: if there is none, it fails, exceeds a limit, or leaves the question out.
    """
    advice = "set base.chat_template (base_qwen's, base_llama's) to chat, r1_zero or r1_zero_short to use ours"
    if not tokenizer.chat_template:
        raise BrokenTemplate(f"{checkpoint} has no chat template: {advice}")
    try:
        request = {"chat_template": tokenizer.get_chat_template(), **tokenizer.special_tokens_map}
        tried = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        reason = tried.stderr.strip().rpartition("\n")[2] if tried.returncode else None
    except subprocess.TimeoutExpired:
        reason = f"it takes more than {seconds} seconds"
    except ValueError as error:  # several templates, none of them the default
        reason = str(error)
    if reason is not None:
        raise BrokenTemplate(f"the chat template of {checkpoint} cannot be used ({reason}): {advice}")


def _render(chat_template: str, **special_tokens: Any) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    question = as_messages(_QUESTION)
    for conversation, add_generation_prompt in ((question, True), (as_messages(_QUESTION, "4"), False)):
        rendered = render_jinja_template(
            conversations=[conversation, as_messages(_QUESTION, "4") + question],
            chat_template=chat_template,
            add_generation_prompt=add_generation_prompt,
            **special_tokens,
        )[0]
        for text in rendered:
            if _QUESTION not in text or len(text) > _CHARACTERS:
                raise ValueError(f"it renders a question to {len(text)} characters, or leaves the question out")


if __name__ == "__main__":
    try:
        _render(**json.load(sys.stdin))
    except Exception as error:
        sys.exit(" ".join(f"{type(error).__name__}: {error}"[:300].split()))
