"""What most arms do: train from a model, sample a model. What is trained stays in the arm's scratch folder."""

import zlib
from collections.abc import Callable
from math import gcd
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from r1.config.evaluation import EvaluateConfig
from r1.config.finetuning import SftConfig
from r1.config.rl import RlConfig, RlStageConfig
from r1.evaluation.evaluate import sample_problems
from r1.finetuning.sft import finetune
from r1.models.policy import Policy
from r1.questions.arm import Arm
from r1.rewards.common import RewardFunction
from r1.rl.schedule import in_order
from r1.rl.settings import RlSettings
from r1.rl.train import train_rl
from r1.sampling import open_sampler
from r1.support.artifacts import write_aside
from r1.training.context import Trained, TrainingContext
from r1.training.rollout_log import TABLE

Rows = list[dict[str, Any]]
C = TypeVar("C", SftConfig, RlStageConfig)


def trained(arm: Arm[Any], name: str, train: Callable[[TrainingContext], Trained]) -> Policy:
    """Train a model, or find it if the arm was killed after that training; killed within, it resumes.

    Args:
        arm: needs the recipe's `training`.
        name: of the model in the arm; `curve` reads its learning curve by it.
        train: gets seed, files and compute options.
    """
    model, folder = arm.scratch / "models" / name, arm.scratch / "training" / name
    if not model.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        context = TrainingContext(arm.seed, _curve(arm, name), folder, arm.recipe.training)
        result = train(context)
        with write_aside(model) as directory:
            result.save(directory)
            if result.rollouts is not None:
                result.save_rollouts(directory)
    return Policy(model)


def curve(arm: Arm[Any], name: str) -> pd.DataFrame:
    """The learning curve of a trained model, one row per step."""
    return pd.read_csv(_curve(arm, name))


def rollouts(arm: Arm[Any], name: str) -> pd.DataFrame:
    """All rollouts of a model that RL trained, one row each, as in data/rollouts."""
    return pd.read_parquet(arm.scratch / "models" / name / TABLE)


def resized(config: C, batch_size: int, **changes: Any) -> C:
    """A training section of the recipe with other settings; its micro-batches divide the batch."""
    micro = gcd(batch_size, config.micro_batch_size)
    return config.model_copy(update={**changes, "batch_size": batch_size, "micro_batch_size": micro})


def unguarded(rl: RlConfig, max_steps: int, **changes: Any) -> RlConfig:
    """The recipe's `rl`, whose guards end no run of so many steps: what an arm does to the policy is the question."""
    return rl.model_copy(update={"patience": max_steps + 1, **changes})


def finetuned(arm: Arm[Any], name: str, start: Policy, examples: Rows, config: SftConfig) -> Policy:
    """SFT on rows of `prompt` and `completion`; see `r1.finetuning.sft.finetune`. `start` stays as it is."""
    return trained(arm, name, lambda context: finetune(Policy(start.directory), examples, config, context))


def reinforced(
    arm: Arm[Any],
    name: str,
    start: Policy,
    rows: Rows,
    stage: RlStageConfig,
    rl: RlConfig,
    held_back: Rows | None = None,
    **custom_rewards: RewardFunction,
) -> Policy:
    """RL on rows of prompts, in random order; see `r1.rl.train.train_rl`.

    Args:
        arm: needs the recipe's `training`.
        name: of the model in the arm.
        start: the initial policy.
        rows: rows of `prompt`, `task`, `answer`, as in data/prompts.
        stage: of this run; `stage.rewards` has the weights, of custom rewards too.
        rl: shared settings, as the recipe's `rl`.
        held_back: problems to evaluate on every `rl.validation_steps`.
        custom_rewards: reward functions of the question, by name.
    """
    settings = RlSettings(stage, rl)
    count = settings.rollout_budget // stage.num_generations
    ordered = in_order(rows, count=count, curriculum=False, seed=arm.seed)
    return trained(
        arm,
        name,
        lambda context: train_rl(Policy(start.directory), ordered, settings, context, held_back, **custom_rewards),
    )


def sampled(config: EvaluateConfig, model: Policy, rows: Rows, seed: int, **sampling: Any) -> pd.DataFrame:
    """Sample a model on problems and verify each completion.

    Args:
        config: the recipe's `evaluate`: engine and sampling.
        model: to sample.
        rows: rows of `prompt`, `answer`, `task`, `level`, `family`, as in data/prompts.
        seed: of the sampling; another one for every purpose, or completions repeat.
        sampling: what differs from `config.sampling`: temperature, num_samples, max_new_tokens.

    Returns:
        One row per completion, with the columns of `r1.evaluation.evaluate.sample_problems`.
    """
    changed = config.model_copy(update={"sampling": config.sampling.model_copy(update=sampling)})
    sampler = open_sampler(model, config.engine)
    table = sample_problems(sampler, rows, changed, seed)
    sampler.close()
    return table


def kept(arm: Arm[Any], name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """A table that a killed arm need not make again."""
    folder = arm.scratch / "tables" / name
    if not folder.is_dir():
        table = make()
        with write_aside(folder) as directory:
            table.to_parquet(directory / "table.parquet", index=False)
    return pd.read_parquet(folder / "table.parquet")


def by_level(rows: Rows, count: int) -> Rows:
    """The first problems of each level, in turn from its families, so that small counts have all of them."""
    chosen: Rows = []
    for level in dict.fromkeys(row["level"] for row in rows):
        families: dict[str, Rows] = {}
        for row in rows:
            if row["level"] == level:
                families.setdefault(row["family"], []).append(row)
        turns = sorted(
            (
                (place, number, row)
                for number, family in enumerate(families.values())
                for place, row in enumerate(family)
            ),
            key=lambda turn: turn[:2],
        )
        chosen += [row for _, _, row in turns[:count]]
    return chosen


def seed_of(arm: Arm[Any], purpose: str, number: int = 0) -> int:
    """A seed of its own for every purpose and number, the same in all arms, which are thus paired."""
    return zlib.crc32(f"{purpose} {number} {arm.seed}".encode()) % 2**31


def _curve(arm: Arm[Any], name: str) -> Path:
    return arm.scratch / "curves" / f"{name}.csv"
