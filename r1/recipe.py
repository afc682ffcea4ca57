"""R1's recipe as a graph: the models, the stage that trains each, and the model it starts from.

dvc.yaml runs it, the configuration has a section for every training run, and the planner and the report iterate over
it. A test checks dvc.yaml against it.
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
    """How a model is trained.

    Attributes:
        stage: name of the stage in dvc.yaml and of its script in stages/.
        run: configuration section, and name of the learning curve and metrics.
        method: training method.
        parent: model it starts from; None if it is pretrained.
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
    """Names of the training runs that use these methods; without arguments, of all runs."""
    return tuple(one.run for one in TRAININGS.values() if not methods or one.method in methods)


def base_of(model: str) -> str:
    """The pretrained base that a model descends from."""
    parent = TRAININGS[model].parent
    return model if parent is None else base_of(parent)


def model_path(model: str) -> str:
    """Path of a model's artifact from the project root."""
    return f"data/models/{model}"


def preference_path(kind: str) -> str:
    """Path of a preference model's artifact from the project root."""
    return f"data/reward_models/{kind}"
