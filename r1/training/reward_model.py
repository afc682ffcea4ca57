"""Preference models, by TRL's RewardTrainer: the preferred response should score higher (Bradley-Terry)."""

from pathlib import Path

import torch
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
)
from trl import RewardConfig, RewardTrainer

from r1.config import Finetuning
from r1.models.chat import as_messages
from r1.models.loading import load_tokenizer
from r1.training.common import Recorder, common_arguments


def train_reward_model(
    base: Path, pairs: list[dict[str, str]], settings: Finetuning, seed: int, log_file: Path
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, dict[str, float]]:
    """Train a scalar reward on pairs with `prompt`, `chosen` and `rejected`.

    Returns:
        Model (one output), tokenizer and metrics.
    """
    tokenizer = load_tokenizer(base)
    torch.manual_seed(seed)  # the score head starts at random
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    dataset = Dataset.from_list(
        [{key: as_messages(pair["prompt"], pair[key]) for key in ("chosen", "rejected")} for pair in pairs]
    )
    record = Recorder(log_file)
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(
            num_train_epochs=settings.epochs, max_length=settings.max_length, **common_arguments(settings, seed)
        ),
        train_dataset=dataset,
        processing_class=tokenizer,
        callbacks=[record],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return (
        trainer.accelerator.unwrap_model(trainer.model),
        tokenizer,
        {
            **record.summary(int(record.rows[-1]["num_tokens"])),
            "pairs": len(pairs),
            "train_accuracy": record.tail_mean("accuracy"),
        },
    )
