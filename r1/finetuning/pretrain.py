"""Pretraining of the miniature base model: next-token prediction on packed documents."""

import random
from dataclasses import dataclass, replace

import torch
from datasets import Dataset
from torch.utils.data import TensorDataset
from transformers import PreTrainedTokenizerBase, Trainer, TrainingArguments
from trl import pack_dataset

from r1.config.models import PretrainConfig
from r1.finetuning.packing import IGNORED
from r1.models.policy import Untrained
from r1.training.arguments import flops, supervised_arguments
from r1.training.checkpoints import Checkpointed, train
from r1.training.compute import check_compute
from r1.training.context import Trained, TrainingContext
from r1.training.recorder import Recorder

_SHUFFLED = 2000
"""Documents that are packed together; the fullest fit is found among them."""


class PretrainTrainer(Checkpointed, Trainer):
    """transformers' Trainer, guarded and resumable."""


@dataclass
class BlockCollator:
    """Collate packed blocks, and carry the tokenizer: transformers saves a collator's tokenizer in checkpoints.

    It cannot be passed to the trainer, which would then rewrite the model's generation config.
    """

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, rows: list[tuple[torch.Tensor]]) -> dict[str, torch.Tensor]:
        """Args: blocks of [length]. Returns: input ids and labels, [batch, length]."""
        ids = torch.stack([row[0] for row in rows])
        return {"input_ids": ids, "labels": ids.masked_fill(ids == self.tokenizer.pad_token_id, IGNORED)}


def pack(texts: list[str], tokenizer: PreTrainedTokenizerBase, length: int, blocks: int, seed: int) -> torch.Tensor:
    """Shuffle documents and pack them whole into padded blocks; repeats the corpus as needed.

    A document cut in two loses its question, and with it what there is to copy from (arXiv 2404.10830: fewer
    truncations improve language modelling). Only a document longer than a block is split.

    Returns:
        Token ids, [blocks, length].
    """
    rng = random.Random(seed)
    encoded = [[*ids, tokenizer.eos_token_id] for ids in tokenizer(texts)["input_ids"]]
    packed: list[list[int]] = []
    while len(packed) < blocks:
        rng.shuffle(encoded)
        once = pack_dataset(Dataset.from_dict({"input_ids": encoded}), length, "bfd_split", {"batch_size": _SHUFFLED})
        bins = once["input_ids"][:]
        rng.shuffle(bins)
        packed.extend(bins)
    pad = tokenizer.pad_token_id
    return torch.tensor([[*ids, *[pad] * (length - len(ids))] for ids in packed[:blocks]])


def pretrain(untrained: Untrained, texts: list[str], config: PretrainConfig, context: TrainingContext) -> Trained:
    """Train a model from scratch; batch_size counts blocks of max_length tokens.

    Args:
        untrained: architecture and tokenizer.
        texts: documents.
        config: hyperparameters.
        context: seed, files and compute options; LoRA is ignored, since there are no pretrained weights to adapt.

    Returns:
        The model, and metrics such as loss (nats per token) and tokens per second.

    Raises:
        Stopped: if the loss is not finite.
    """
    training = context.training.model_copy(update={"lora": None})
    check_compute(training)
    model, tokenizer = untrained.load(training.attention), untrained.tokenizer
    arguments = supervised_arguments(config, replace(context, training=training))
    blocks = pack(texts, tokenizer, config.max_length, config.max_steps * config.batch_size, context.seed)
    record = Recorder(context.curve)
    trained = train(
        PretrainTrainer(
            model=model,
            args=TrainingArguments(max_steps=config.max_steps, **arguments),
            train_dataset=TensorDataset(blocks),
            data_collator=BlockCollator(tokenizer),
            record=record,
        )
    )
    tokens, parameters = blocks.numel(), trained.num_parameters()
    return Trained(
        trained,
        tokenizer,
        metrics={"parameters": parameters, **record.summary(tokens), "flops": flops(trained, 0, tokens, training)},
        counts={"parameters": parameters},
    )
