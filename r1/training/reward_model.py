"""Preference models, by TRL's RewardTrainer: the preferred response should score higher (Bradley-Terry)."""

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase
from trl import RewardConfig, RewardTrainer

from r1.config import Finetuning, TrainingOptions
from r1.errors import UserError
from r1.models.chat import as_messages
from r1.models.loading import load_tokenizer
from r1.training.checkpoints import Checkpointed, checkpoint_arguments, train
from r1.training.common import Recorder, common_arguments
from r1.training.options import PLAIN, adapters, merged, require


class PreferenceTrainer(Checkpointed, RewardTrainer):  # type: ignore[misc]
    """TRL's RewardTrainer, guarded and resumed."""


def train_reward_model(
    base: Path,
    pairs: list[dict[str, str]],
    settings: Finetuning,
    seed: int,
    log_file: Path,
    checkpoints: Path,
    options: TrainingOptions = PLAIN,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, dict[str, float]]:
    """Train a scalar reward on pairs.

    Args:
        base: model directory whose backbone it gets.
        pairs: rows of `prompt`, `chosen` and `rejected`.
        settings: of the optimisation.
        seed: of the score head and the order of pairs.
        log_file: where the learning curve goes, CSV.
        checkpoints: folder of this run's checkpoints; if it has one, the run goes on from there.
        options: how training computes.

    Returns:
        Model (one output), tokenizer and metrics.

    Raises:
        UserError: if all pairs are longer than max_length; TRL leaves such pairs out without a word.
        Stopped: if the loss is not finite.
    """
    require(options)
    arguments = common_arguments(settings, seed, options)
    tokenizer = load_tokenizer(base)
    torch.manual_seed(seed)  # the score head starts at random
    model = AutoModelForSequenceClassification.from_pretrained(
        base,
        num_labels=1,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        attn_implementation=options.attention,
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    dataset = Dataset.from_list(
        [{key: as_messages(pair["prompt"], pair[key]) for key in ("chosen", "rejected")} for pair in pairs]
    )
    record = Recorder(log_file)
    trainer = PreferenceTrainer(
        model=model,
        args=RewardConfig(
            num_train_epochs=settings.epochs,
            max_length=settings.max_length,
            **arguments,
            **checkpoint_arguments(checkpoints, settings.checkpoint_steps),
        ),
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=_with_score(adapters(options)),
        record=record,
    )
    kept = len(trainer.train_dataset)
    if not kept:
        raise UserError(f"all {len(pairs)} pairs are longer than max_length = {settings.max_length} tokens")
    if kept < len(pairs):
        left_out = f"{len(pairs) - kept} of {len(pairs)} pairs"
        print(f"warning: {left_out} are longer than max_length = {settings.max_length} and left out", flush=True)
    return (
        merged(train(trainer)),
        tokenizer,
        {
            **record.summary(int(record.rows[-1]["num_tokens"])),
            "pairs": kept,
            "train_accuracy": record.tail_mean("accuracy"),
        },
    )


def _with_score(peft_config: Any) -> Any:
    """The score head starts at random, so it is trained whole beside the adapters."""
    if peft_config is not None:
        peft_config.modules_to_save = ["score"]
    return peft_config
