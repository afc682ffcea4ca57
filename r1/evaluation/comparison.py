"""One run of the comparison of RL algorithms: R1-Zero's RL from the base, then evaluation on the training level."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from r1.config.evaluation import AblationConfig, EvaluateConfig
from r1.config.rl import RlConfig, RlStageConfig
from r1.evaluation.evaluate import PROBLEMS, per_problem, sample_problems
from r1.models.policy import Policy
from r1.rl.settings import RlSettings
from r1.rl.train import train_on_rules
from r1.sampling import open_sampler
from r1.support.tables import NoRows
from r1.training.context import Trained, TrainingContext

CHOICES = Path("conf/rl")


@dataclass(frozen=True)
class Compared:
    """One variant's run with one seed."""

    trained: Trained
    samples: pd.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """Counts for the manifest."""
        problems = self.samples["problem"].nunique()
        return {"rollouts": self.trained.metrics["rollouts"], "problems": problems, "samples": len(self.samples)}

    def save(self, directory: Path) -> None:
        """Write per-problem values, and some rollouts with their rewards, but not the model."""
        assert self.trained.samples is not None
        per_problem(self.samples).to_parquet(directory / PROBLEMS, index=False)
        self.trained.samples.to_parquet(directory / "samples.parquet", index=False)


def variant(config: AblationConfig) -> str:
    """Name the variant: the algorithm, plus the prompt selection unless it is `all`."""
    return config.algorithm + ("" if config.difficulty == "all" else f"_{config.difficulty}")


def variant_settings(config: AblationConfig, rl: RlConfig, zero: RlStageConfig) -> RlSettings:
    """R1-Zero's settings at the comparison's budget, with algorithm and prompt selection from conf/rl."""
    chosen = {
        key: OmegaConf.to_container(OmegaConf.load(CHOICES / key / f"{choice}.yaml"))
        for key, choice in (("algorithm", config.algorithm), ("difficulty", config.difficulty))
    }
    chosen["algorithm"] |= {"num_mini_batches": config.num_mini_batches}  # type: ignore[operator]
    budget = {
        "max_steps": config.max_steps,
        "batch_size": config.batch_size,
        "micro_batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
    }
    return RlSettings(zero.model_copy(update=budget), RlConfig.model_validate({**rl.model_dump(), **chosen}))


def compare(
    base: Policy,
    rows: list[dict[str, Any]],
    problems: list[dict[str, Any]],
    settings: RlSettings,
    evaluate: EvaluateConfig,
    context: TrainingContext,
) -> Compared:
    """Train the base with RL and sample the result on the problems of level `train`.

    Args:
        base: policy to start from.
        rows: RL prompts.
        problems: evaluation problems.
        settings: RL settings of the variant.
        evaluate: engine and sampling parameters.
        context: seed, learning curve and checkpoints of the training.

    Raises:
        NoRows: if there is no problem of that level.
    """
    asked = [row for row in problems if row["level"] == "train"]
    if not asked:
        raise NoRows("no evaluation problem has level train, the level that this run trains on")
    trained = train_on_rules(base, rows, settings, context)
    with TemporaryDirectory() as directory:
        trained.save(Path(directory))
        sampler = open_sampler(Policy(Path(directory)), evaluate.engine)
        return Compared(trained, sample_problems(sampler, asked, evaluate, context.seed))
