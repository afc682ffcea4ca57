"""SFT as all arms do it."""

from math import gcd
from typing import Any

from r1.models.policy import Policy
from r1.questions.arm import Arm
from r1.questions.forensics.settings import Settings, Tuning
from r1.questions.lab import finetuned


def tuned(
    arm: Arm[Settings],
    name: str,
    start: Policy,
    examples: list[dict[str, Any]],
    tuning: Tuning,
    epochs: int,
    learning_rate: float,
) -> Policy:
    """SFT on rows of `prompt` and `completion`; what is not given is the recipe's `sft`."""
    config = arm.recipe.sft.model_copy(
        update={
            "epochs": epochs,
            "learning_rate": learning_rate,
            "batch_size": tuning.batch_size,
            "micro_batch_size": gcd(tuning.batch_size, arm.recipe.sft.micro_batch_size),
        }
    )
    rows = [{"prompt": row["prompt"], "completion": row["completion"]} for row in examples]
    # A policy of its own: training changes the chat template of the tokenizer that it is given.
    return finetuned(arm, name, Policy(start.directory), rows, config)
