"""What to run: at the size of a GPU, and at a toy's size, at which the same code runs on a CPU in minutes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Size:
    """Overrides and numbers of one run of the benchmark.

    Attributes:
        small: overrides that select the pretrained model and how zero trains it.
        vllm: overrides that turn rollouts over to colocated vLLM.
        steps: zero's steps per part; it is killed after half of them in the part `resume`.
        shape: configuration of the random model, with transformers' names.
        vocabulary: size of its vocabulary.
        shape_run: overrides that select the random model's run.
        shape_steps: its steps.
        batch, micro_batch, group: rollouts per step, per forward pass and per prompt, compared with stock TRL.
        limit, median, sigma: length limit in tokens, and the log-normal distribution of the lengths compared.
        trl_steps: steps of each trainer, the first of which is not counted.
        learning_seconds: training time of the learning curve.
        learning_samples: completions per evaluation problem.
    """

    small: tuple[str, ...]
    vllm: tuple[str, ...]
    steps: int
    shape: dict[str, Any]
    vocabulary: int
    shape_run: tuple[str, ...]
    shape_steps: int
    batch: int
    micro_batch: int
    group: int
    limit: int
    median: int
    sigma: float
    trl_steps: int
    learning_seconds: int
    learning_samples: int


_BFLOAT16 = ("training.mixed_precision=bf16", "training.gradient_checkpointing=true")

GPU = Size(
    small=("profile=smollm2", *_BFLOAT16, "zero.batch_size=128", "zero.micro_batch_size=32"),
    vllm=(
        *("rollout=vllm", "rl.rollout.dtype=bfloat16", "rl.rollout.enforce_eager=false"),
        "rl.rollout.gpu_memory_utilization=0.3",
    ),
    steps=8,
    shape={  # Qwen2.5-1.5B's, as its config.json has it
        **{"model_type": "qwen2", "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28},
        **{"num_attention_heads": 12, "num_key_value_heads": 2, "max_position_embeddings": 32768},
        **{"tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0}},
    },
    vocabulary=151_936,
    shape_run=("profile=gpu", "data=none"),
    shape_steps=3,
    batch=256,
    micro_batch=8,
    group=16,
    limit=2048,
    median=400,
    sigma=0.9,
    trl_steps=3,
    learning_seconds=600,
    learning_samples=8,
)
TOY = Size(
    small=("profile=smoke",),
    vllm=("rollout=vllm",),
    steps=4,
    shape={
        **{"model_type": "qwen2", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2},
        **{"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512},
        **{"tie_word_embeddings": True},
    },
    vocabulary=1024,
    shape_run=(
        *("profile=smoke", "zero.batch_size=16", "zero.micro_batch_size=4", "zero.num_generations=4"),
        "zero.max_completion_length=32",
    ),
    shape_steps=2,
    batch=32,
    micro_batch=4,
    group=4,
    limit=256,
    median=24,
    sigma=0.9,
    trl_steps=3,
    learning_seconds=20,
    learning_samples=2,
)
