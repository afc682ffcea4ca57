"""One base: the recipe's pretraining for a share of its steps or at a share of its size, or an existing checkpoint."""

from r1.config.models import BaseConfig, DeepseekV3ArchitectureConfig
from r1.finetuning.base import adopt_checkpoint, train_base
from r1.questions.arm import Arm
from r1.questions.how_little.settings import Base, Settings
from r1.support.errors import UserError
from r1.support.tables import read_rows
from r1.training.context import Trained, TrainingContext

CORPUS = "data/corpus"
"""The recipe's pretraining text."""


def make(arm: Arm[Settings]) -> Trained:
    """Pretrain the base that the arm is named after, or load its checkpoint; killed within pretraining, it resumes."""
    wanted = arm.settings.bases[arm.name]
    curve = arm.scratch / "curve.csv"
    config = scaled(arm.recipe.base, wanted)
    if config.checkpoint is not None:
        trained, _ = adopt_checkpoint(config, curve)
        return trained
    texts = [row["text"] for row in read_rows(f"{CORPUS}/corpus.parquet")]
    return train_base(texts, config, TrainingContext(arm.seed, curve, arm.scratch, arm.recipe.training))


def scaled(recipe: BaseConfig, wanted: Base) -> BaseConfig:
    """The recipe's base with fewer steps or a smaller architecture.

    Raises:
        UserError: if there is nothing to scale: the recipe adopts a checkpoint, or is a mixture of experts.
    """
    if wanted.checkpoint is not None:
        return recipe.model_copy(update={"checkpoint": wanted.checkpoint, "architecture": None, "pretraining": None})
    shape, pretraining = recipe.architecture, recipe.pretraining
    if recipe.checkpoint is not None or shape is None or pretraining is None:
        raise UserError("the recipe's base is a checkpoint: give each of `bases` a checkpoint too")
    if isinstance(shape, DeepseekV3ArchitectureConfig):
        raise UserError("a mixture of experts is not scaled: give each of `bases` a checkpoint")
    heads = _share(shape.num_attention_heads, wanted.width)
    smaller = shape.model_copy(
        update={
            "hidden_size": _share(shape.hidden_size, wanted.width),
            "intermediate_size": _share(shape.intermediate_size, wanted.width),
            "num_attention_heads": heads,
            "num_key_value_heads": min(heads, _share(shape.num_key_value_heads, wanted.width)),
            "num_hidden_layers": _share(shape.num_hidden_layers, wanted.depth),
        }
    )
    shorter = pretraining.model_copy(update={"max_steps": _share(pretraining.max_steps, wanted.steps)})
    return BaseConfig.model_validate(
        recipe.model_dump() | {"architecture": smaller.model_dump(), "pretraining": shorter.model_dump()}
    )


def _share(whole: int, share: float) -> int:
    return max(1, round(whole * share))
