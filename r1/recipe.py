"""R1's recipe as a graph: the models, the stage that makes each, and the model that stage starts from.

dvc.yaml runs it, the configuration has a section for every training in it, the planner and the report walk it;
a test checks dvc.yaml against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

BaseName = Literal["base", "base_qwen", "base_llama"]
ModelName = (
    BaseName
    | Literal[
        "zero",
        "cold_start",
        "reasoning_rl",
        "sft",
        "r1",
        "distill_qwen",
        "distill_llama",
        "student_rl_qwen",
        "student_rl_llama",
    ]
)
PreferenceName = Literal["helpful", "harmless"]
Method = Literal["pretrain", "rl", "sft"]


@dataclass(frozen=True)
class Training:
    """How a model comes about.

    Attributes:
        stage: of dvc.yaml, and its script in stages/.
        run: the configuration's section, and the name of its curve and metrics.
        method: what the stage does.
        parent: the model it starts from.
    """

    stage: str
    run: str
    method: Method
    parent: str | None


TRAININGS: Mapping[str, Training] = {
    "base": Training("base", "base", "pretrain", None),
    "base_qwen": Training("base", "base_qwen", "pretrain", None),
    "base_llama": Training("base", "base_llama", "pretrain", None),
    "zero": Training("zero", "zero", "rl", "base"),
    "cold_start": Training("cold_start", "cold_start", "sft", "base"),
    "reasoning_rl": Training("reasoning_rl", "reasoning_rl", "rl", "cold_start"),
    "sft": Training("sft", "sft", "sft", "base"),
    "r1": Training("final_rl", "final_rl", "rl", "sft"),
    "distill_qwen": Training("distill", "distill_qwen", "sft", "base_qwen"),
    "distill_llama": Training("distill", "distill_llama", "sft", "base_llama"),
    "student_rl_qwen": Training("student_rl", "student_rl_qwen", "rl", "base_qwen"),
    "student_rl_llama": Training("student_rl", "student_rl_llama", "rl", "base_llama"),
}
"""Every model, in the paper's order."""
MODELS: tuple[str, ...] = tuple(TRAININGS)
BASES: tuple[str, ...] = get_args(BaseName)
PREFERENCES: tuple[str, ...] = get_args(PreferenceName)


def runs(*methods: Method) -> tuple[str, ...]:
    """Names of the training runs of these methods, of all without any."""
    return tuple(one.run for one in TRAININGS.values() if not methods or one.method in methods)


def base_of(model: str) -> str:
    """The pretrained model that this one descends from."""
    parent = TRAININGS[model].parent
    return model if parent is None else base_of(parent)


def model_path(model: str) -> str:
    """Where a model's artifact is, from the project's root."""
    return f"data/models/{model}"


def preference_path(kind: str) -> str:
    """Where a preference model's artifact is, from the project's root."""
    return f"data/reward_models/{kind}"
