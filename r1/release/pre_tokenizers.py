r"""llama.cpp's name for a tokenizer's pre-tokenizer.

llama.cpp has a fixed list of regular expressions, each compiled in under a name, so a GGUF file can only name one.
The miniature's (`r1.models.tokenizer`) is not among them; `poro-chat` stands in for it: ` ?[^(\s|.,!?…。，、।۔،)]+`
never splits where the miniature's does not, and BPE joins nothing across the miniature's further splits, since no
merge was learned there. The exception is a byte of a character outside the miniature's ranges that equals one within
them, as in "（算": such text gets other tokens for the same characters. tests/release/test_pre_tokenizers.py compares.
"""

import json
from typing import Any

from transformers import PreTrainedTokenizerBase

_BYTES, _GPT2 = "bytes", "gpt-2"
_DIGIT = r"\p{N}"
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|%s"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"

NAMES: dict[tuple[str, ...], str] = {
    (r" ?\d| ?[a-zA-Z]+| ?[\u3400-\u4dbf\u4e00-\u9fff]+| ?[^\s\da-zA-Z\u3400-\u4dbf\u4e00-\u9fff]|\s", _BYTES): (
        "poro-chat"
    ),
    (_WORDS % ("", _SPACES), _BYTES): "qwen2",
    (_WORDS % ("{1,3}", _SPACES), _BYTES): "llama-bpe",
    (_DIGIT, _GPT2): "smollm",
    (_GPT2,): _GPT2,
}
"""Steps of a pre-tokenizer, as `steps` writes them -> llama.cpp's name."""


def llama_cpp_name(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """llama.cpp's name for a byte-level BPE tokenizer's pre-tokenizer; None if it has none."""
    written = json.loads(tokenizer.backend_tokenizer.to_str())
    normalizer = (written["normalizer"] or {}).get("type")
    if written["model"]["type"] != "BPE" or normalizer not in (None, "NFC"):  # llama.cpp expects text in NFC
        return None
    return NAMES.get(steps(written["pre_tokenizer"] or {}))


def steps(pre_tokenizer: dict[str, Any]) -> tuple[str, ...]:
    """A pre-tokenizer of tokenizer.json as regular expressions in order; () if any step is something else."""
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    found = [_step(part) for part in parts]
    return tuple(part for part in found if part) if all(found) else ()


def _step(part: dict[str, Any]) -> str | None:
    match part:
        case {"type": "Split", "pattern": {"Regex": str(regex)}, "behavior": "Isolated", "invert": False}:
            return regex
        case {"type": "Digits", "individual_digits": True}:
            return _DIGIT
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": bool(own)}:
            return _GPT2 if own else _BYTES
    return None
