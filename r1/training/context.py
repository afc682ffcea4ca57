"""What a training is handed by whoever runs it, and what it hands back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1.config.training import TrainingConfig

if TYPE_CHECKING:  # a stage imports this before its configuration is checked
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STOPPED = "STOPPED"
"""In a run's folder of checkpoints: the diagnosis of the guard that ended it. No run deletes such a folder."""
PLAIN = TrainingConfig(mixed_precision="none", gradient_checkpointing=False, attention="sdpa", liger=False, lora=None)
"""float32, all weights, no recomputation: the miniature's."""


@dataclass(frozen=True)
class TrainingContext:
    """Where a training runs.

    Attributes:
        seed: of sampling, of fresh weights, and of the order of data.
        curve: CSV file of the learning curve; phase times go to throughput/ beside it.
        checkpoints: folder of this run's checkpoints; if it holds one, the run resumes from there.
        training: how it computes.
    """

    seed: int
    curve: Path
    checkpoints: Path
    training: TrainingConfig = PLAIN


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes:
        metrics: by name; what the clock decides is `seconds`, `tokens_per_second` and `phases`.
        counts: for the artifact's manifest.
        samples: some rollouts with rewards, of RL.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    metrics: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)
    samples: "pd.DataFrame | None" = None

    def save(self, directory: Path) -> None:
        """Write the model directory, and the samples beside it if there are any."""
        from r1.models.loading import save

        save(self.model, self.tokenizer, directory)
        if self.samples is not None:
            self.samples.to_parquet(directory / "samples.parquet", index=False)
