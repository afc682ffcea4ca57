"""Tiny models with random weights, made in a second: for tests of everything but what they say."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from r1.models.chat import TEMPLATES, turn
from r1.models.loading import save
from r1.models.tokenizer import END, PAD, TAGS, train_tokenizer
from r1.release.pre_tokenizers import NAMES

TEXTS = [
    turn(f"What is {a} + {b} - 2?", f"<think>First {a} + {b}, 然后 算 一下。</think>{a}", True)
    for a in range(9)
    for b in range(9)
]
SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
QWEN2 = next(steps[0] for steps, name in NAMES.items() if name == "qwen2")


def qwen2_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that splits as Qwen2's does, the only way in which transformers loads one beside a qwen2 model."""
    tokenizer = Tokenizer(models.BPE())
    splits = [pre_tokenizers.Split(Regex(QWEN2), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(splits)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=[END, PAD], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens([AddedToken(tag, normalized=False, special=False) for tag in TAGS])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=PAD)
    fast.chat_template = TEMPLATES["chat"]
    return fast


def random_model(kind: str, directory: Path, tokenizer: PreTrainedTokenizerBase | None = None, **config: Any) -> Path:
    """Write a model directory of that architecture; weights large enough that greedy answers are no tie."""
    tokenizer = tokenizer or (qwen2_tokenizer() if kind == "qwen2" else train_tokenizer(TEXTS, 400, "r1_zero_short"))
    shape = {**SHAPE, "vocab_size": len(tokenizer) + 3, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, **shape, pad_token_id=tokenizer.pad_token_id, initializer_range=0.3, **config)
    )
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.5)
    save(model, tokenizer, directory)
    return directory
