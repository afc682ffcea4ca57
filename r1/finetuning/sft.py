"""Supervised fine-tuning with TRL: loss on the completion only."""

import logging
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase
from trl import SFTConfig as SftArguments
from trl import SFTTrainer

from r1.config.finetuning import SftConfig
from r1.finetuning.packing import check_packing, regrouped
from r1.models.chat import TEMPLATES, as_messages, without_examples
from r1.models.policy import Policy
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
    truncated = _count_truncated(tokenizer, examples, config.max_length)
    dataset = Dataset.from_list(
        [
            {
                "prompt": as_messages(example["prompt"]),
                "completion": [{"role": "assistant", "content": example["completion"]}],
            }
            for example in examples
        ]
    )
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
            train_dataset=dataset,
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


def _count_truncated(tokenizer: PreTrainedTokenizerBase, examples: list[dict[str, Any]], max_length: int) -> int:
    """Count the examples that TRL silently truncates at max_length; they contain no end token to learn.

    Raises:
        UserError: if all are truncated.
    """
    conversations = [as_messages(example["prompt"], example["completion"]) for example in examples]
    rendered: Any = tokenizer.apply_chat_template(conversations, tokenize=True, return_dict=True)
    lengths = [len(ids) for ids in rendered["input_ids"]]
    truncated = sum(length > max_length for length in lengths)
    if truncated == len(examples):
        raise UserError(
            f"all {truncated} examples are longer than max_length = {max_length} tokens (the shortest has "
            f"{min(lengths)}): the model would never learn to stop"
        )
    if truncated:
        log.warning("%d of %d examples are truncated at max_length = %d", truncated, len(examples), max_length)
    return truncated
