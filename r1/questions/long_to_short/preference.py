"""DPO with TRL: the preferred completion becomes likelier than the other, measured against the initial model."""

from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from r1.config.finetuning import SftConfig
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.models.turns import encode_example
from r1.support.errors import UserError
from r1.training.arguments import supervised_arguments
from r1.training.checkpoints import Checkpointed, train
from r1.training.compute import check_compute, lora_config, merged, weights_dtype
from r1.training.context import Trained, TrainingContext
from r1.training.recorder import Recorder


class DirectPreferenceTrainer(Checkpointed, DPOTrainer):  # type: ignore[misc]
    """TRL's DPOTrainer, guarded and resumable, on pairs that are tokenized already."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset


def prefer(
    policy: Policy, pairs: list[dict[str, Any]], config: SftConfig, beta: float, context: TrainingContext
) -> Trained:
    """Train a model on pairs with the loss of DPO (arXiv 2305.18290, equation 7).

    Args:
        policy: the initial model, which is the reference too.
        pairs: rows of `prompt`, `chosen` and `rejected`.
        config: hyperparameters; its chat template is not used, the model keeps its own.
        beta: strength of the KL to the reference.
        context: seed, files and compute options.

    Raises:
        CannotTrain: if this machine lacks a training option.
        UserError: if there are no pairs.
        Stopped: if the loss is not finite.
    """
    if not pairs:
        raise UserError("no pairs for DPO: no problem has a right completion and a longer one; raise candidates")
    check_compute(context.training)
    tokenizer = policy.tokenizer
    # Tokenized here, as for SFT: TRL would render the whole conversation, from which some templates drop the reasoning.
    encoded = [_encode(tokenizer, pair) for pair in pairs]
    record = Recorder(context.curve)
    peft_config = lora_config(context.training)

    def load() -> Any:
        return policy.load(weights_dtype(context.training), context.training.attention)

    trainer = DirectPreferenceTrainer(
        model=load(),
        ref_model=load() if peft_config is None else None,  # with LoRA the model without its adapters
        args=DPOConfig(
            num_train_epochs=config.epochs,
            max_length=config.max_length,
            beta=beta,
            **supervised_arguments(config, context),
        ),
        train_dataset=Dataset.from_list(encoded),
        processing_class=tokenizer,
        peft_config=peft_config,
        record=record,
    )
    model = merged(train(trainer))
    metrics = {**record.summary(int(record.rows[-1]["num_tokens"])), "pairs": len(pairs)}
    return Trained(model, tokenizer, metrics, counts={"pairs": len(pairs)})


def _encode(tokenizer: Any, pair: dict[str, Any]) -> dict[str, list[int]]:
    """prompt_ids, chosen_ids and rejected_ids, as the model will see them when it generates."""
    ids: dict[str, list[int]] = {}
    for kind in ("chosen", "rejected"):
        example = encode_example(tokenizer, as_messages(pair["prompt"]), pair[kind])
        said = sum(example["completion_mask"])
        ids["prompt_ids"] = example["input_ids"][:-said]
        ids[f"{kind}_ids"] = example["input_ids"][-said:]
    return ids
