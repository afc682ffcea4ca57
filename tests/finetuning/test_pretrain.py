"""Pretraining: packing loses no token."""

from pathlib import Path

import pytest

from r1.finetuning.pretrain import pack
from r1.models.loading import load_tokenizer

pytestmark = pytest.mark.slow


def test_packing_loses_no_token_and_depends_on_the_seed(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    texts = [f"What is {n} + 1?" for n in range(50)]
    blocks = pack(texts, tokenizer, length=16, blocks=4, seed=0)
    assert blocks.shape == (4, 16)
    assert (blocks == pack(texts, tokenizer, 16, 4, 0)).all() and not (blocks == pack(texts, tokenizer, 16, 4, 1)).all()
    first = str(tokenizer.decode(blocks.flatten())).split("<|end|>")[0]
    assert first in texts
