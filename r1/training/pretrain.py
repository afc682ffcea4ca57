"""Pretraining of a miniature base: next-token prediction over packed documents."""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import TensorDataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainingArguments

from r1.config import Pretraining, TrainingOptions
from r1.training.checkpoints import Checkpointed, checkpoint_arguments, train
from r1.training.common import Recorder, common_arguments, flops
from r1.training.options import PLAIN, require


class PretrainTrainer(Checkpointed, Trainer):
    """transformers' Trainer, guarded and resumed."""


@dataclass
class Blocks:
    """Collates packed blocks; transformers saves a collator's tokenizer in checkpoints.

    The trainer's own would be: given a tokenizer, it rewrites the model's generation config.
    """

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, rows: list[tuple[torch.Tensor]]) -> dict[str, torch.Tensor]:
        """Args: blocks of [length]. Returns: ids and labels, [batch, length]."""
        ids = torch.stack([row[0] for row in rows])
        return {"input_ids": ids, "labels": ids}


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
    checkpoints: Path,
    options: TrainingOptions = PLAIN,
) -> tuple[PreTrainedModel, dict[str, float]]:
    """Train the model, in one process in place; batch_size counts blocks of max_length tokens.

    Args:
        model: to train.
        tokenizer: its own.
        texts: documents.
        settings: of the optimisation.
        seed: of the order of documents.
        log_file: where the learning curve goes, CSV.
        checkpoints: folder of this run's checkpoints; if it has one, the run goes on from there.
        options: how training computes; adapters have nothing to adapt here and are left out.

    Returns:
        The trained model, and metrics: loss (nats per token), tokens per second and the like.

    Raises:
        Stopped: if the loss is not finite.
    """
    options = options.model_copy(update={"lora": None})
    require(options)
    model.set_attn_implementation(options.attention)
    arguments = common_arguments(settings, seed, options)
    blocks = pack(texts, tokenizer, settings.max_length, settings.max_steps * settings.batch_size, seed)
    record = Recorder(log_file)
    trained = train(
        PretrainTrainer(
            model=model,
            args=TrainingArguments(
                max_steps=settings.max_steps,
                **arguments,
                **checkpoint_arguments(checkpoints, settings.checkpoint_steps),
            ),
            train_dataset=TensorDataset(blocks),
            data_collator=Blocks(tokenizer),
            record=record,
        )
    )
    tokens = blocks.numel()
    return trained, {**record.summary(tokens), "flops": flops(trained, 0, tokens, options)}
