"""How a tokenizer and its chat template frame the assistant's turn.

Published templates differ in ways that a training run cannot see in its loss:

- DeepSeek-R1's, R1-Distill's and Qwen3-Thinking's generation prompt already opens `<think>`, so a completion starts
  after the tag;
- R1-Distill's and Qwen3's drop the chain of thought from assistant turns, so a rendered conversation contains none;
- Llama 3's, Gemma's and Qwen2.5's turns end in another token than the base's end-of-text token;
- Llama's and Gemma's tokenizers begin every text with BOS, which some templates render and others leave out.

Everything here is derived by rendering the template, so it holds for templates that nobody has listed.
"""

import re
from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from r1.models.chat import as_messages
from r1.support.errors import UserError

_THINK = re.compile(r"<think>\s*\Z")
_STOP = re.compile(r"\{#- stop: (\S+) -#\}")
_BOS = "{{- bos_token -}}"
_QUESTION, _RESPONSE = "What is 40 + 2?", "It is 42."


class UnusableTurns(UserError):
    """A chat template whose turns cannot be trained or sampled."""


def opened(tokenizer: PreTrainedTokenizerBase) -> str:
    """What the generation prompt says on the model's behalf: `<think>` with its white space, or nothing."""
    found = _THINK.search(_rendered(tokenizer, as_messages(_QUESTION), True))
    return found[0] if found else ""


def is_begun(conversation: list[dict[str, str]]) -> bool:
    """True if the conversation ends with what the assistant has begun to say, to be continued."""
    return conversation[-1]["role"] == "assistant"


def first_tokens(tokenizer: PreTrainedTokenizerBase, text: str, count: int) -> str:
    """The text of the first tokens of a completion, of which the generation prompt's own tag is none.

    A character of which only some bytes are left is dropped.
    """
    prefix = opened(tokenizer)
    said = text.removeprefix(prefix)
    ids: list[int] = tokenizer(said, add_special_tokens=False)["input_ids"]
    if len(ids) <= count:
        return text
    kept = str(tokenizer.decode(ids[:count], clean_up_tokenization_spaces=False))
    return text[: len(text) - len(said)] + kept.rstrip("\ufffd")


def spellings(tokenizer: PreTrainedTokenizerBase, words: Sequence[str]) -> list[list[int]]:
    """The tokens of words, [spelling][token]: at the beginning of a text, after a space, after a line break.

    These are the tokenizer's own: a model that spells a word by other tokens, such as letter by letter, is not caught.
    """
    found: dict[tuple[int, ...], None] = {}
    for word in words:
        for before in ("", " ", "\n"):
            ids: list[int] = tokenizer(before + word, add_special_tokens=False)["input_ids"]
            if before == "\n":  # its own token is not forbidden, nor a token that contains it
                alone: list[int] = tokenizer(before, add_special_tokens=False)["input_ids"]
                ids = ids[len(alone) :] if ids[: len(alone)] == alone else []
            if ids:
                found[tuple(ids)] = None
    return [list(ids) for ids in found]


def end_of_turn(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends the assistant's turn: the first special token after its content, else the tokenizer's eos.

    Raises:
        UnusableTurns: if there is neither: the model could never learn to stop.
    """
    after = _rendered(tokenizer, as_messages(_QUESTION, _RESPONSE), False).rpartition(_RESPONSE)[2]
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    ids: list[int] = tokenizer(after, add_special_tokens=False)["input_ids"] if after else []
    end = next((token for token in ids if token in special and token != tokenizer.bos_token_id), tokenizer.eos_token_id)
    if end is None:
        raise UnusableTurns(
            "no token ends the assistant's turn: the chat template renders none and the tokenizer has no eos_token"
        )
    return int(end)


def stop_ids(tokenizer: PreTrainedTokenizerBase, declared: int | list[int] | None) -> list[int]:
    """Tokens that end a completion: the tokenizer's eos, the template's end of turn, and those the model declares.

    Args:
        tokenizer: with its chat template.
        declared: `eos_token_id` of the model's generation_config.
    """
    known = declared if isinstance(declared, list) else [declared]
    ends = [tokenizer.eos_token_id, *known, end_of_turn(tokenizer) if tokenizer.chat_template else None]
    return list(dict.fromkeys(int(token) for token in ends if token is not None))


def declare_stops(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write the stop tokens into the model's generation_config: transformers, TRL and vLLM all read them there."""
    config = getattr(model, "generation_config", None)
    if config is None:  # a reward model does not generate
        return
    stops = stop_ids(tokenizer, config.eos_token_id)
    if len(stops) > 1 or config.eos_token_id is None:
        config.eos_token_id = stops if len(stops) > 1 else stops[0]


def with_bos(tokenizer: PreTrainedTokenizerBase) -> str:
    """The tokenizer's chat template, with BOS in front if its texts begin with BOS and the template leaves it out.

    transformers, TRL and vLLM tokenize a rendered conversation without special tokens, so only the template can add it.

    Raises:
        UnusableTurns: if the template renders BOS twice.
    """
    template, bos = str(tokenizer.get_chat_template()), tokenizer.bos_token_id
    if bos is None or tokenizer("1")["input_ids"][:1] != [bos]:
        return template
    rendered = _rendered(tokenizer, as_messages(_QUESTION), True)
    if rendered.startswith(tokenizer.bos_token * 2):
        raise UnusableTurns(f"the chat template begins with {tokenizer.bos_token!r} twice")
    return template if rendered.startswith(tokenizer.bos_token) else _BOS + template


def with_stop(template: str, string: str) -> str:
    """A chat template that also says, in a comment, which string ends a completion; every engine stops at it."""
    return f"{{#- stop: {string} -#}}{template}"


def stop_strings(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The strings that end a completion beside the stop tokens; see `with_stop`."""
    return _STOP.findall(str(tokenizer.chat_template or ""))


def cut(text: str, stops: list[str]) -> tuple[str, bool]:
    """The text up to and including the first stop string, and whether there is one."""
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    return (text[: min(ends)], True) if ends else (text, False)


def cut_tokens(tokenizer: PreTrainedTokenizerBase, ids: list[int], stops: list[str]) -> list[int]:
    """The tokens up to the one that completes a stop string, without the padding that transformers adds after it."""

    def stopped(tokens: list[int]) -> bool:
        return cut(str(tokenizer.decode(tokens, skip_special_tokens=True)), stops)[1]

    if not stops or not stopped(ids):
        return ids
    end = len(ids)
    while ids[end - 1] in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        end -= 1
    while stopped(ids[: end - 1]):
        end -= 1
    return ids[:end]


def encode_example(
    tokenizer: PreTrainedTokenizerBase, conversation: list[dict[str, str]], completion: str
) -> dict[str, list[int]]:
    """An SFT example as the model will see it when it generates.

    The completion follows the generation prompt as plain text and ends with the end-of-turn token, so no template can
    drop its reasoning. If the prompt opens the think block, the completion's own tag is dropped; a completion without
    reasoning closes the block at once, as Qwen3 does in its non-thinking mode.

    Args:
        tokenizer: with its chat template.
        conversation: messages up to the user's question.
        completion: the assistant's text.

    Returns:
        `input_ids`, and `completion_mask` with 1 on every token of the completion, its end included.
    """
    prompt = _rendered(tokenizer, conversation, True)
    if found := _THINK.search(prompt):
        inside = completion.lstrip().removeprefix("<think>")
        if "</think>" not in inside:
            completion = f"</think>\n\n{completion}"
        else:
            completion = inside.removeprefix(found[0].removeprefix("<think>"))
    asked: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    said: list[int] = tokenizer(completion, add_special_tokens=False)["input_ids"]
    said = [*said, end_of_turn(tokenizer)]
    return {"input_ids": asked + said, "completion_mask": [0] * len(asked) + [1] * len(said)}


def check_examples_shown(tokenizer: PreTrainedTokenizerBase, examples: list[str]) -> None:
    """Check that worked examples survive the chat template.

    Raises:
        UnusableTurns: if the template drops their reasoning.
    """
    rendered = _rendered(tokenizer, as_messages(_QUESTION), True)
    if not all(example in rendered for example in examples):
        raise UnusableTurns(
            "base.worked_examples: this checkpoint's chat template drops the reasoning of earlier turns, so the "
            "examples would show none; set worked_examples to 0, or base.chat_template to r1_zero"
        )


def _rendered(tokenizer: PreTrainedTokenizerBase, conversation: list[dict[str, str]], generation: bool) -> str:
    rendered: Any = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=generation)
    return str(rendered)
