"""Pretraining: documents are packed whole, none is lost, and padding is not learned."""

from pathlib import Path

import pytest
import torch

from r1.finetuning.packing import IGNORED
from r1.finetuning.pretrain import BlockCollator, pack
from r1.models.loading import load_tokenizer

pytestmark = pytest.mark.slow
TEXTS = [f"What is {n} + {'1 + ' * (n % 4)}1?" for n in range(50)]


def test_documents_are_packed_whole_and_none_is_lost(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    lengths = [len(tokenizer(text)["input_ids"]) + 1 for text in TEXTS]
    length = 3 * max(lengths)
    once = pack(TEXTS, tokenizer, length, -(-sum(lengths) // length), seed=0)
    read = tokenizer.batch_decode(once)
    documents = [document for block in read for document in block.replace("<|pad|>", "").split("<|end|>") if document]
    assert set(documents) <= set(TEXTS), "no document is cut"
    every = tokenizer.batch_decode(pack(TEXTS, tokenizer, length, 50, seed=0))
    assert all(any(f"{text}<|end|>" in block for block in every) for text in TEXTS)
    assert (once != tokenizer.pad_token_id).float().mean() > 0.9


def test_only_a_document_longer_than_a_block_is_split(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    long = "What is " + "1 + " * 40 + "1?"
    blocks = pack([long], tokenizer, length=16, blocks=len(tokenizer(long)["input_ids"]) // 16 + 1, seed=0)
    joined = sorted(tokenizer.batch_decode(blocks), key=lambda part: ("What" not in part, "<|end|>" in part))
    assert "".join(joined).replace("<|pad|>", "") == f"{long}<|end|>"


def test_packing_depends_on_the_seed_alone(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    one, again, other = (pack(TEXTS, tokenizer, 64, 6, seed) for seed in (0, 0, 1))
    assert one.shape == (6, 64)
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_padding_has_no_label(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    ids = torch.tensor([5, tokenizer.eos_token_id, tokenizer.pad_token_id])
    batch = BlockCollator(tokenizer)([(ids,)])
    assert batch["labels"].tolist() == [[5, tokenizer.eos_token_id, IGNORED]]
    assert batch["input_ids"].tolist() == [ids.tolist()]
