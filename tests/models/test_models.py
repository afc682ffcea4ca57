"""A model directory opens everywhere as it is."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from r1.models.loading import load_checkpoint, load_tokenizer
from r1.models.tokenizer import TAGS


def test_auto_classes_open_the_directory_as_it_is(tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    assert sorted(path.suffix for path in tiny_model.glob("*.safetensors")) == [".safetensors"]
    ids: Any = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is 1 + 2?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    assert model(**ids).logits.shape[-1] == len(tokenizer)


def test_auto_tokenizer_splits_as_in_training(tiny_model: Path) -> None:
    """Regression: beside a qwen2 model AutoTokenizer put Qwen2's own pre-tokenizer in place of ours, silently."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    assert tokenizer.tokenize("What is 12 - 5?")[-5:] == ["Ġ1", "2", "Ġ-", "Ġ5", "?"]


def test_tags_are_single_tokens_that_decoding_keeps(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    text = "<think>First 2 + 2 = 4.\n先算</think><answer>4</answer>"
    ids = tokenizer(text)["input_ids"]
    assert all(tokenizer.convert_tokens_to_ids(tag) in ids for tag in TAGS)
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_a_local_checkpoint_loads_with_the_same_weights(tiny_model: Path) -> None:
    model, tokenizer = load_checkpoint(str(tiny_model))
    again = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert tokenizer.chat_template
