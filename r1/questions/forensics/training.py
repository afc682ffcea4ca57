"""SFT as all arms do it."""

from typing import Any

from r1.models.policy import Policy
from r1.questions.arm import Arm
from r1.questions.forensics.settings import Settings, Tuning
from r1.questions.lab import finetuned, resized


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
    config = resized(arm.recipe.sft, tuning.batch_size, epochs=epochs, learning_rate=learning_rate)
    rows = [{"prompt": row["prompt"], "completion": row["completion"]} for row in examples]
    return finetuned(arm, name, start, rows, config)
