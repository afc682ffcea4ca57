"""Supervised fine-tuning, by TRL: loss on the completion alone."""

from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from r1.config import SftStage, TrainingOptions
from r1.data import read_rows
from r1.errors import UserError
from r1.models.chat import TEMPLATES, as_messages, without_examples
from r1.models.loading import load_tokenizer, save
from r1.stage import Run
from r1.training.checkpoints import Checkpointed, checkpoint_arguments, train
from r1.training.common import Recorder, common_arguments, flops
from r1.training.options import PLAIN, adapters, load_policy, merged, require


class FinetuneTrainer(Checkpointed, SFTTrainer):  # type: ignore[misc]
    """TRL's SFTTrainer, guarded and resumed."""


def finetune(
    base: Path,
    examples: list[dict[str, str]],
    settings: SftStage,
    seed: int,
    log_file: Path,
    checkpoints: Path,
    options: TrainingOptions = PLAIN,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, dict[str, float]]:
    """Fine-tune a base on examples with `prompt` and `completion`.

    Args:
        base: model directory to start from.
        examples: rows of `prompt` and `completion`.
        settings: of the optimisation.
        seed: of the order of examples.
        log_file: where the learning curve goes, CSV.
        checkpoints: folder of this run's checkpoints; if it has one, the run goes on from there.
        options: how training computes.

    Returns:
        Model, tokenizer (with the chat template of the settings) and metrics.

    Raises:
        UserError: if there are no examples, all are cut off at max_length, or this machine lacks an option.
        Stopped: if the loss is not finite.
    """
    if not examples:
        raise UserError(
            "no examples to fine-tune on: the filters kept none; `python -m r1 inspect` of its source shows why"
        )
    require(options)
    arguments = common_arguments(settings, seed, options)
    tokenizer = load_tokenizer(base)
    if settings.chat_template == "own":
        tokenizer.chat_template = without_examples(tokenizer.get_chat_template())
    elif settings.chat_template is not None:
        tokenizer.chat_template = TEMPLATES[settings.chat_template]
    truncated = _count_truncated(tokenizer, examples, settings.max_length)
    dataset = Dataset.from_list(
        [
            {
                "prompt": as_messages(example["prompt"]),
                "completion": [{"role": "assistant", "content": example["completion"]}],
            }
            for example in examples
        ]
    )
    record = Recorder(log_file)
    trained = train(
        FinetuneTrainer(
            model=load_policy(base, options),
            args=SFTConfig(
                num_train_epochs=settings.epochs,
                max_length=settings.max_length,
                completion_only_loss=True,
                packing=False,
                **arguments,
                **checkpoint_arguments(checkpoints, settings.checkpoint_steps),
            ),
            train_dataset=dataset,
            processing_class=tokenizer,
            peft_config=adapters(options),
            record=record,
        )
    )
    model, tokens = merged(trained), int(record.rows[-1]["num_tokens"])
    return (
        model,
        tokenizer,
        {
            **record.summary(tokens),
            "examples": len(examples),
            "truncated_examples": truncated,
            "flops": flops(model, 0, tokens, options),
        },
    )


def _count_truncated(tokenizer: PreTrainedTokenizerBase, examples: list[dict[str, str]], max_length: int) -> int:
    """Examples that TRL cuts off at max_length without a word: they do not teach how to end.

    Raises:
        UserError: if all are.
    """
    conversations = [as_messages(example["prompt"], example["completion"]) for example in examples]
    rendered: Any = tokenizer.apply_chat_template(conversations, tokenize=True, return_dict=True)
    lengths = [len(ids) for ids in rendered["input_ids"]]
    truncated = sum(length > max_length for length in lengths)
    if truncated == len(examples):
        raise UserError(
            f"all {truncated} examples are longer than max_length = {max_length} tokens (the shortest has "
            f"{min(lengths)}): a model would learn from them never to end"
        )
    if truncated:
        print(f"warning: {truncated} of {len(examples)} examples are cut off at max_length = {max_length}", flush=True)
    return truncated


def supervised(run: Run, base: str, examples: str, settings: SftStage) -> None:
    """Fine-tune a base on the examples.parquet of an artifact; writes data/models/<run.name>."""
    inputs = run.inputs(base, examples)
    rows = read_rows(f"{examples}/examples.parquet")
    with run.checkpoints(inputs) as checkpoints:
        seed, options = run.config.seed, run.config.training
        model, tokenizer, metrics = finetune(Path(base), rows, settings, seed, run.curve, checkpoints, options)
        with run.artifact(f"data/models/{run.name}", inputs, counts={"examples": len(rows)}) as directory:
            save(model, tokenizer, directory)
        run.metrics(metrics)
