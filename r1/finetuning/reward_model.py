"""Preference reward models, with TRL's RewardTrainer: the chosen response should score higher (Bradley-Terry)."""

import logging
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification
from trl import RewardConfig as RewardArguments
from trl import RewardTrainer

from r1.config.finetuning import FinetuneConfig
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.support.errors import UserError
from r1.support.tables import NoRows, read_rows
from r1.training.arguments import supervised_arguments
from r1.training.checkpoints import Checkpointed, train
from r1.training.compute import check_compute, lora_config, merged
from r1.training.context import Trained, TrainingContext
from r1.training.recorder import Recorder

log = logging.getLogger(__name__)


class PreferenceTrainer(Checkpointed, RewardTrainer):  # type: ignore[misc]
    """TRL's RewardTrainer, guarded and resumable."""


def train_reward_model(
    policy: Policy, pairs: list[dict[str, Any]], config: FinetuneConfig, context: TrainingContext
) -> Trained:
    """Train a scalar reward model on preference pairs.

    Args:
        policy: provides the backbone and the tokenizer.
        pairs: rows of `prompt`, `chosen` and `rejected`.
        config: hyperparameters.
        context: seed, files and compute options.

    Returns:
        A model with one output, and metrics.

    Raises:
        CannotTrain: if this machine lacks a training option.
        UserError: if all pairs exceed max_length; TRL silently drops such pairs.
        Stopped: if the loss is not finite.
    """
    check_compute(context.training)
    arguments = supervised_arguments(config, context)
    tokenizer = policy.tokenizer
    torch.manual_seed(context.seed)  # the score head is randomly initialized
    model = AutoModelForSequenceClassification.from_pretrained(
        policy.directory,
        num_labels=1,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        attn_implementation=context.training.attention,
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    dataset = Dataset.from_list(
        [{key: as_messages(pair["prompt"], pair[key]) for key in ("chosen", "rejected")} for pair in pairs]
    )
    record = Recorder(context.curve)
    trainer = PreferenceTrainer(
        model=model,
        args=RewardArguments(num_train_epochs=config.epochs, max_length=config.max_length, **arguments),
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=_with_score(lora_config(context.training)),
        record=record,
    )
    kept = len(trainer.train_dataset)
    if not kept:
        raise UserError(f"all {len(pairs)} pairs are longer than max_length = {config.max_length} tokens")
    if kept < len(pairs):
        dropped = f"{len(pairs) - kept} of {len(pairs)} pairs"
        log.warning("%s are longer than max_length = %d and are dropped", dropped, config.max_length)
    return Trained(
        merged(train(trainer)),
        tokenizer,
        metrics={
            **record.summary(int(record.rows[-1]["num_tokens"])),
            "pairs": kept,
            "too_long": len(pairs) - kept,
            "train_accuracy": record.tail_mean("accuracy"),
        },
        counts={"pairs": len(pairs)},
    )


def preference_pairs(source: str, kind: str) -> list[dict[str, Any]]:
    """Preference pairs of one kind.

    Raises:
        NoRows: if there are none.
    """
    pairs = [row for row in read_rows(source) if row["kind"] == kind]
    if not pairs:
        raise NoRows(f"{source} has no {kind} pair: raise prepare.general.preference")
    return pairs


def _with_score(peft_config: Any) -> Any:
    """Also train the score head in full: it is randomly initialized, so adapters alone are not enough."""
    if peft_config is not None:
        peft_config.modules_to_save = ["score"]
    return peft_config
