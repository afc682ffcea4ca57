"""llama.cpp's pre-tokenizers, by name: the stand-in for the miniature's gives the same tokens."""

import json
import re
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from r1.data.corpus import build_corpus
from r1.models.tokenizer import train_tokenizer
from r1.release.pre_tokenizers import NAMES, llama_cpp_name, steps
from tests.conftest import compose
from tests.random_models import QWEN2, qwen2_tokenizer

PORO = r" ?[^(\s|.,!?…。，、।۔،)]+"
"""llama.cpp's `poro-chat`; what it does not match becomes a piece of its own."""
ODD = [
    *(
        "don't, 'till ('the x'solve",
        "a  b\n\n c\t d\r\n",
        " (3+4)*-2 = 5;  x_1 <= 10.5%",
        "1 2 34 ５ ² ½",
        "café naïve",
    ),
    *("先算 3+4，然后算。答案是7！", "x算y答案z", "“quoted” — dash…", "<think>3</think><answer> 4</answer>", "🙂🙂 ok"),
]
BYTE = ["（算", "—案"]
"""A full-width parenthesis ends in a byte that a merge joins to 算: see the module's docstring."""


@pytest.fixture(scope="module")
def miniature() -> tuple[PreTrainedTokenizerFast, list[str]]:
    """The miniature's own tokenizer at full size, and the documents that it was trained on."""
    config = compose()
    texts = [row["text"] for row in build_corpus(compose("profile=smoke").prepare, config.seed)]
    return train_tokenizer(texts, 512, "r1_zero_short"), texts


def test_the_stand_in_gives_the_miniatures_tokens(miniature: tuple[PreTrainedTokenizerFast, list[str]]) -> None:
    tokenizer, texts = miniature
    assert llama_cpp_name(tokenizer) == "poro-chat"
    other = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    split = pre_tokenizers.Split(Regex(PORO), "isolated")
    other.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    for text in (*texts[:2000], *ODD):
        assert other.encode(text).ids == tokenizer(text)["input_ids"], text
    for text in BYTE:
        assert other.decode(other.encode(text).ids) == text


def test_the_stand_in_never_splits_where_the_miniature_does_not() -> None:
    ours = re.compile(next(steps[0] for steps, name in NAMES.items() if name == "poro-chat"))
    coarse = re.compile(PORO)
    for text in (*ODD, *BYTE):
        starts = {match.start() for match in ours.finditer(text)} | {match.end() for match in ours.finditer(text)}
        edges = {edge for match in coarse.finditer(text) for edge in match.span()}
        assert edges <= starts, text


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
SPLIT = {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ({"type": "Sequence", "pretokenizers": [SPLIT, BYTES]}, "qwen2"),
        (
            {
                "type": "Sequence",
                "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTES | {"use_regex": True}],
            },
            "smollm",
        ),
        (BYTES | {"use_regex": True}, "gpt-2"),
        (BYTES, None),
        ({"type": "Sequence", "pretokenizers": [SPLIT | {"behavior": "Removed"}, BYTES]}, None),
        ({"type": "Sequence", "pretokenizers": [SPLIT | {"pattern": {"Regex": "other"}}, BYTES]}, None),
        ({"type": "Metaspace"}, None),
        ({}, None),
    ],
)
def test_forms_are_recognised_or_not(written: dict[str, Any], name: str | None) -> None:
    assert NAMES.get(steps(written)) == name


def test_a_tokenizer_that_changes_its_text_is_not_recognised() -> None:
    tokenizer = qwen2_tokenizer()
    assert llama_cpp_name(tokenizer) == "qwen2"
    written = json.loads(tokenizer.backend_tokenizer.to_str()) | {"normalizer": {"type": "Lowercase"}}
    changed = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(written)))
    assert llama_cpp_name(changed) is None
