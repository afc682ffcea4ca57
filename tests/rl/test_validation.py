"""Evaluation while training: problems held back, weights kept, and training undisturbed by either."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from r1.config.rl import RlConfig
from r1.models.policy import Policy
from r1.rl import train as module
from r1.rl.settings import RlSettings
from r1.rl.validation import SCORE, Validated, hold_back
from r1.support.errors import UserError
from r1.training.context import Trained
from tests.conftest import compose
from tests.trainings import SMOKE, configured, context, dense, killed_in, reinforced

HELD_BACK = [{"prompt": f"What is {n} + 1?", "task": "chain_sum", "answer": str(n + 1)} for n in range(100, 104)]


def rl(name: str = "grpo", **changes: Any) -> RlConfig:
    every = {"validation_steps": 1, "validation_problems": 4, "checkpoint_steps": 2}
    return configured(name).model_copy(update={**every, **changes})


@pytest.mark.parametrize(("count", "held"), [(3, 3), (5, 5), (8, 5), (0, 0)])
def test_no_problem_is_both_held_back_and_trained_on(count: int, held: int) -> None:
    rows = [{"prompt": str(n)} for n in range(10)]
    train, kept = hold_back(rows, count, seed=0)
    assert len(kept) == held and sorted([*train, *kept], key=rows.index) == rows
    assert train == [row for row in rows if row in train], "in their order, which a curriculum may need"
    assert hold_back(rows, count, seed=0) == (train, kept)


def test_another_seed_holds_back_others() -> None:
    rows = [{"prompt": str(n)} for n in range(100)]
    assert hold_back(rows, 10, seed=0)[1] != hold_back(rows, 10, seed=1)[1]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["rl.keep=best"], r"rl: keep 'best' needs validation_steps of at least 1"),
        (["rl.keep=first"], r"rl.keep = 'first': .*'last' or 'best'"),
        (
            ["launcher=ddp", "launcher.num_processes=2", "rl.validation_steps=5", "rl.validation_problems=5"],
            r"rl.validation_problems = 5: must be a multiple of the launcher's processes, which are 2",
        ),
    ],
)
def test_what_cannot_be_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose("profile=smoke", *overrides)


def weights(model: Any) -> bytes:
    return b"".join(value.numpy().tobytes() for _, value in sorted(model.state_dict().items()))


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, bytes]]:
    """Scores that rise to step 3 and fall again; by step, the weights that were scored."""
    seen: dict[int, bytes] = {}

    def score(self: Any) -> float:
        seen[self.state.global_step] = weights(self.model)
        return {1: 0.2, 2: 0.1, 3: 0.8, 4: 0.8, 5: 0.3}.get(self.state.global_step, 0.0)

    monkeypatch.setattr(Validated, "_pass_at_1", score)
    yield seen


def trained(model: Path, folder: Path, settings: RlConfig, checkpoints: str = "checkpoints") -> Trained:
    return reinforced(
        model, context(folder, checkpoints), rl=settings, steps=6, learning_rate=1e-3, held_back=HELD_BACK
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grpo", "rloo", "ppo"])
def test_the_best_weights_become_the_model(
    name: str, tiny_model: Path, tmp_path: Path, scored: dict[int, bytes]
) -> None:
    result = trained(dense(tiny_model), tmp_path, rl(name, keep="best"))
    assert weights(result.model) == scored[3] != scored[6]
    assert result.metrics["kept"] == {"step": 3, "score": 0.8} and result.counts["kept_step"] == 3
    assert pd.read_csv(tmp_path / "curve.csv")[SCORE].tolist() == [0.2, 0.1, 0.8, 0.8, 0.3, 0.0]
    checkpoints = sorted(path.name for path in (tmp_path / "checkpoints").glob("*-*"))
    assert checkpoints == ["best-1", "best-3", "checkpoint-2", "checkpoint-4"], "checkpoint-2 knows of best-1 alone"
    assert not list((tmp_path / "checkpoints").glob(".best*"))


@pytest.mark.slow
def test_the_last_weights_become_the_model_by_default(
    tiny_model: Path, tmp_path: Path, scored: dict[int, bytes]
) -> None:
    result = trained(dense(tiny_model), tmp_path, rl(validation_steps=4))
    assert weights(result.model) == scored[6] and sorted(scored) == [4, 6], "every fourth step, and the last"
    assert "kept" not in result.metrics and "kept_step" not in result.counts
    assert not list((tmp_path / "checkpoints").glob("best-*"))


@pytest.mark.slow
@pytest.mark.parametrize("step", [3, 4, 6])
def test_a_killed_run_keeps_what_an_undisturbed_one_keeps(
    step: int, tiny_model: Path, tmp_path: Path, scored: dict[int, bytes]
) -> None:
    settings = rl(keep="best")
    whole = trained(dense(tiny_model), tmp_path, settings, "whole")
    curve = (tmp_path / "curve.csv").read_text()
    with killed_in(step):
        trained(tiny_model, tmp_path, settings)
    result = trained(tiny_model, tmp_path, settings)
    assert weights(result.model) == weights(whole.model) and result.metrics["kept"] == whole.metrics["kept"]
    assert (tmp_path / "curve.csv").read_text() == curve


@pytest.mark.slow
def test_a_best_that_was_lost_is_not_loaded(
    tiny_model: Path, tmp_path: Path, scored: dict[int, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    with killed_in(6):
        trained(dense(tiny_model), tmp_path, rl(keep="best"))
    (tmp_path / "checkpoints" / "best-3" / "model.safetensors").unlink()
    (tmp_path / "checkpoints" / "best-3").rmdir()
    result = trained(tiny_model, tmp_path, rl(keep="best"))
    assert "best-3 is gone" in capsys.readouterr().out
    assert result.metrics["kept"]["step"] == 5 and weights(result.model) == scored[5]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grpo", "rloo"])
def test_evaluation_does_not_disturb_training(name: str, tiny_model: Path, tmp_path: Path) -> None:
    with_it = trained(dense(tiny_model), tmp_path, rl(name), "with")
    evaluated = pd.read_csv(tmp_path / "curve.csv")
    without = trained(tiny_model, tmp_path, rl(name, validation_steps=0), "without")
    plain = pd.read_csv(tmp_path / "curve.csv")
    assert evaluated[SCORE].between(0, 1).all() and SCORE not in plain
    pd.testing.assert_frame_equal(evaluated.drop(columns=SCORE), plain)
    assert weights(with_it.model) == weights(without.model)
    assert with_it.metrics["rollouts"] == without.metrics["rollouts"]


@pytest.mark.slow
def test_a_stage_holds_back_what_it_evaluates_on(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, list[str]] = {}

    def spy(policy: Any, prompts: Any, settings: Any, context: Any, held_back: Any, **_: Any) -> Trained:
        asked["trained"] = [row["prompt"][-1]["content"] for row in prompts]
        asked["held back"] = [row["prompt"] for row in held_back]
        return Trained(policy.load(), policy.tokenizer, {})

    monkeypatch.setattr(module, "train_rl", spy)
    rows = [{"prompt": f"What is {n} + 1?", "task": "chain_sum", "answer": str(n + 1)} for n in range(12)]
    result = module.train_on_rules(Policy(dense(tiny_model)), rows, RlSettings(SMOKE.zero, rl()), context(tmp_path))
    assert len(asked["held back"]) == 4 == result.metrics["prompts"]["held_back"]
    assert set(asked["trained"]) == {row["prompt"] for row in rows} - set(asked["held back"])
    assert torch.is_tensor(next(result.model.parameters()))
