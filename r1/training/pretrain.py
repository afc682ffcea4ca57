"""Pretraining of a miniature base: next-token prediction over packed documents."""

import random
from pathlib import Path

import torch
from torch.utils.data import TensorDataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback, Trainer, TrainingArguments

from r1.config import Pretraining
from r1.training.common import Recorder, common_arguments, flops


def pack(texts: list[str], tokenizer: PreTrainedTokenizerBase, length: int, blocks: int, seed: int) -> torch.Tensor:
    """Shuffle documents, join them with the end token and cut blocks; repeats the corpus as needed.

    Returns:
        Token ids, [blocks, length].
    """
    rng = random.Random(seed)
    encoded = [[*ids, tokenizer.eos_token_id] for ids in tokenizer(texts)["input_ids"]]
    stream: list[int] = []
    while len(stream) < blocks * length:
        rng.shuffle(encoded)
        for ids in encoded:
            stream.extend(ids)
    return torch.tensor(stream[: blocks * length]).view(blocks, length)


def pretrain(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: list[str],
    settings: Pretraining,
    seed: int,
    log_file: Path,
) -> dict[str, float]:
    """Train the model in place; batch_size counts blocks of max_length tokens.

    Returns:
        Metrics: loss (nats per token), tokens per second and the like.
    """
    blocks = pack(texts, tokenizer, settings.max_length, settings.max_steps * settings.batch_size, seed)
    record = Recorder(log_file)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(max_steps=settings.max_steps, **common_arguments(settings, seed)),
        train_dataset=TensorDataset(blocks),
        data_collator=lambda rows: {"input_ids": (ids := torch.stack([row[0] for row in rows])), "labels": ids},
        callbacks=[record],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    tokens = blocks.numel()
    return {**record.summary(tokens), "flops": flops(model, forward_tokens=0, trained_tokens=tokens)}
