"""What a training run receives from its caller, and what it returns."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1.config.training import TrainingConfig

if TYPE_CHECKING:  # a stage imports this before its configuration is checked
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STOPPED = "STOPPED"
"""File in a run's checkpoint folder: the diagnosis of the guard that ended it. No run deletes a folder with it."""
PLAIN = TrainingConfig(
    mixed_precision="none", gradient_checkpointing=False, attention="sdpa", packing=False, liger=False, lora=None
)
"""float32, all weights trained, no recomputation: the miniature's settings."""


@dataclass(frozen=True)
class TrainingContext:
    """Where and how a training run executes.

    Attributes:
        seed: for sampling, new weights and data order.
        curve: CSV file of the learning curve; phase times go to throughput/ in the same folder.
        checkpoints: folder of this run's checkpoints; the run resumes from the newest one in it.
        training: precision, kernels and LoRA.
    """

    seed: int
    curve: Path
    checkpoints: Path
    training: TrainingConfig = PLAIN


@dataclass(frozen=True)
class Trained:
    """The result of a training run.

    Attributes:
        metrics: by name; only `seconds`, `tokens_per_second` and `phases` depend on the clock.
        counts: for the artifact's manifest.
        samples: some rollouts with their rewards, RL only.
        rollouts: folder with all rollouts that the budget left, as parquet files, RL only.
        suspect_gold: prompts whose gold answer may be wrong (r1/rl/gold.py), RL with measured pass rates only.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    metrics: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)
    samples: "pd.DataFrame | None" = None
    suspect_gold: "pd.DataFrame | None" = None
    rollouts: Path | None = None

    def save(self, directory: Path) -> None:
        """Write the model directory, and into it the samples and the suspect gold answers if there are any."""
        from r1.models.loading import save

        save(self.model, self.tokenizer, directory)
        if self.samples is not None:
            self.samples.to_parquet(directory / "samples.parquet", index=False)
        if self.suspect_gold is not None:
            self.suspect_gold.to_parquet(directory / "suspect_gold.parquet", index=False)

    def save_rollouts(self, directory: Path) -> int:
        """Write all rollouts that were kept as one table. Returns the number of generation rounds that it holds."""
        from r1.training.rollout_log import TABLE, write_together

        assert self.rollouts is not None
        return write_together(self.rollouts, directory / TABLE)
