"""A variant of the comparison: conf/rl's algorithm and choice of prompts, at the comparison's budget."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pandas as pd
import pytest

from r1.config.evaluation import AblationConfig
from r1.config.rl import AlgorithmName
from r1.evaluation import comparison
from r1.evaluation.comparison import compare, variant, variant_settings
from r1.models.policy import Policy
from r1.support.tables import NoRows
from r1.training.context import Trained, TrainingContext
from tests.conftest import ROOT, compose
from tests.sampling.scripted import Opened

CONFIG = compose("rl.max_kl=7.5", "zero.temperature=0.75")
DIFFICULTIES = get_args(AblationConfig.model_fields["difficulty"].annotation)


def ablation(**changes: Any) -> AblationConfig:
    return AblationConfig.model_validate({**CONFIG.ablation.model_dump(), **changes})


@pytest.fixture(autouse=True)
def in_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@pytest.mark.parametrize("algorithm", get_args(AlgorithmName))
def test_a_variant_is_what_compose_would_choose(algorithm: str, difficulty: str) -> None:
    config = ablation(algorithm=algorithm, difficulty=difficulty, num_mini_batches=4)
    settings = variant_settings(config, CONFIG.rl, CONFIG.zero)
    chosen = compose(
        f"rl/algorithm={algorithm}", f"rl/difficulty={difficulty}", "rl.max_kl=7.5", "rl.algorithm.num_mini_batches=4"
    )
    assert settings.shared == chosen.rl


def test_a_variant_has_the_comparison_s_budget_and_else_zero_s_settings() -> None:
    config = ablation(max_steps=40, batch_size=64, learning_rate=0.25)
    stage = variant_settings(config, CONFIG.rl, CONFIG.zero).stage
    budget = {"max_steps": 40, "batch_size": 64, "micro_batch_size": 64, "learning_rate": 0.25}
    assert stage == CONFIG.zero.model_copy(update=budget)
    assert stage.temperature == 0.75


@pytest.mark.parametrize(
    ("algorithm", "difficulty", "name"),
    [("ppo", "all", "ppo"), ("grpo", "filtered", "grpo_filtered"), ("grpo", "curriculum", "grpo_curriculum")],
)
def test_a_variant_is_named_by_what_differs(algorithm: str, difficulty: str, name: str) -> None:
    assert variant(ablation(algorithm=algorithm, difficulty=difficulty)) == name


PROBLEMS = [
    {"prompt": f"What is {n} + 1?", "family": "sums", "task": "chain_sum", "level": level, "answer": str(n + 1)}
    for n, level in enumerate(["train", "hard", "train", "transfer"])
]
CONTEXT = TrainingContext(5, Path("curve.csv"), Path("checkpoints"))


def test_the_trained_model_is_asked_the_problems_of_its_level(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing: Any = None
    rollouts = pd.DataFrame({"completion": ["a"], "accuracy_reward": [1.0]})
    trained, called = Trained(nothing, nothing, {"rollouts": 24}, samples=rollouts), []

    def train(*arguments: Any) -> Trained:
        called.append(arguments)
        return trained

    monkeypatch.setattr(Trained, "save", lambda _, directory: (directory / "weights").touch())
    monkeypatch.setattr(comparison, "train_on_rules", train)
    opened = Opened(lambda model, conversation, nth: "<think>1</think><answer>1</answer>")
    monkeypatch.setattr(comparison, "open_sampler", opened)
    base, rows = Policy(Path("base")), [{"prompt": "p"}]
    settings = variant_settings(CONFIG.ablation, CONFIG.rl, CONFIG.zero)
    done = compare(base, rows, PROBLEMS, settings, CONFIG.evaluate, CONTEXT)
    assert called == [(base, rows, settings, CONTEXT)]
    (sampler,) = opened.samplers
    ((asked, sampling, seed),) = sampler.asked
    assert [conversation[-1]["content"] for conversation in asked] == ["What is 0 + 1?", "What is 2 + 1?"]
    assert (sampling, seed) == (CONFIG.evaluate.sampling, 5)
    samples = 2 * CONFIG.evaluate.sampling.num_samples
    assert done.counts == {"rollouts": 24, "problems": 2, "samples": samples}
    done.save(tmp_path)
    assert pd.read_parquet(tmp_path / "problems.parquet")["pass_at_1"].tolist() == [1.0, 0.0]
    assert pd.read_parquet(tmp_path / "samples.parquet").equals(rollouts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["problems.parquet", "samples.parquet"], "no weights"


def test_nothing_is_trained_that_could_not_be_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "train_on_rules", lambda *_: pytest.fail("trained"))
    settings: Any = SimpleNamespace()
    with pytest.raises(NoRows, match="no evaluation problem has level train"):
        compare(Policy(Path("base")), [], PROBLEMS[1:2], settings, CONFIG.evaluate, CONTEXT)
