"""Supervised fine-tuning with TRL: loss on the completion only."""

import logging
from typing import Any

from datasets import Dataset
from trl import SFTConfig as SftArguments
from trl import SFTTrainer

from r1.config.finetuning import SftConfig
from r1.finetuning.packing import check_packing, regrouped
from r1.models.chat import TEMPLATES, as_messages, without_examples
from r1.models.policy import Policy
from r1.models.turns import encode_example, with_bos
from r1.support.errors import UserError
from r1.training.arguments import flops, supervised_arguments
from r1.training.checkpoints import Checkpointed, train
from r1.training.compute import check_compute, lora_config, merged, weights_dtype
from r1.training.context import Trained, TrainingContext
from r1.training.recorder import Recorder

log = logging.getLogger(__name__)


class FinetuneTrainer(Checkpointed, SFTTrainer):  # type: ignore[misc]
    """TRL's SFTTrainer, guarded and resumable, with micro-batches by length."""

    def __init__(self, *args: Any, packing: bool, **kwargs: Any) -> None:
        """Args: concatenate the examples of a micro-batch instead of padding them."""
        self.packing = packing
        super().__init__(*args, **kwargs)

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> tuple[list[Any], Any]:
        """A step's micro-batches, regrouped, and its number of tokens with a label, which normalizes the loss."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        return regrouped(batches, self.processing_class.pad_token_id, self.packing), items


def finetune(policy: Policy, examples: list[dict[str, Any]], config: SftConfig, context: TrainingContext) -> Trained:
    """Fine-tune a model on examples.

    Args:
        policy: the initial model.
        examples: rows of `prompt` and `completion`.
        config: hyperparameters and the chat template to train with.
        context: seed, files and compute options.

    Returns:
        The model, its tokenizer with that chat template, and metrics.

    Raises:
        CannotTrain: if this machine lacks a training option.
        UserError: if there are no examples, all exceed max_length, or packing was not tested with the architecture.
        Stopped: if the loss is not finite.
    """
    if not examples:
        raise UserError(
            "no examples to fine-tune on: the filters kept none; run `python -m r1 inspect` on their source to see why"
        )
    check_compute(context.training)
    if context.training.packing:
        check_packing(policy.model_type)
    arguments = supervised_arguments(config, context)
    tokenizer = policy.tokenizer
    if config.chat_template == "own":
        tokenizer.chat_template = without_examples(tokenizer.get_chat_template())
    elif config.chat_template is not None:
        tokenizer.chat_template = TEMPLATES[config.chat_template]
    tokenizer.chat_template = with_bos(tokenizer)
    # Tokenized here: TRL would render the whole conversation, from which some templates drop the reasoning.
    encoded = [encode_example(tokenizer, as_messages(row["prompt"]), row["completion"]) for row in examples]
    truncated = _count_truncated([len(example["input_ids"]) for example in encoded], config.max_length)
    record = Recorder(context.curve)
    trained = train(
        FinetuneTrainer(
            model=policy.load(weights_dtype(context.training), context.training.attention),
            args=SftArguments(
                num_train_epochs=config.epochs,
                max_length=config.max_length,
                completion_only_loss=True,
                packing=False,
                **arguments,
            ),
            train_dataset=Dataset.from_list(encoded),
            processing_class=tokenizer,
            peft_config=lora_config(context.training),
            record=record,
            packing=context.training.packing,
        )
    )
    model, tokens = merged(trained), int(record.rows[-1]["num_tokens"])
    return Trained(
        model,
        tokenizer,
        metrics={
            **record.summary(tokens),
            "examples": len(examples),
            "truncated_examples": truncated,
            "flops": flops(model, 0, tokens, context.training),
        },
        counts={"examples": len(examples)},
    )


def _count_truncated(lengths: list[int], max_length: int) -> int:
    """Count the examples, by length in tokens, that TRL silently truncates; they contain no end token to learn.

    Raises:
        UserError: if all are truncated.
    """
    truncated = sum(length > max_length for length in lengths)
    if truncated == len(lengths):
        raise UserError(
            f"all {truncated} examples are longer than max_length = {max_length} tokens (the shortest has "
            f"{min(lengths)}): the model would never learn to stop"
        )
    if truncated:
        log.warning("%d of %d examples are truncated at max_length = %d", truncated, len(lengths), max_length)
    return truncated
