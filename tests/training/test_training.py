"""Training loops: they learn, keep samples, and stop with a diagnosis."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from datasets import Dataset

from r1.models.chat import as_messages
from r1.training.common import BrokenLoss, Recorder
from r1.training.grpo import NoRewardVariance, VarianceGuard, train_grpo
from r1.training.pretrain import pack
from r1.training.schedule import all_scenarios
from r1.training.sft import finetune
from tests.conftest import compose, run_alone

SMOKE = compose("profile=smoke")


def brevity(*, completions: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float]:
    return [-float(len(ids)) for ids in completion_ids]


def silence(*, completions: list[Any], **_: Any) -> list[float]:
    return [0.0] * len(completions)


def run_grpo(model: Path, reward: Any, tmp_path: Path, patience: int = 10, rollout: Any = SMOKE.rl.rollout) -> Any:
    prompts = Dataset.from_list(
        [
            {"prompt": as_messages(f"What is {n} + 1?"), "task": "chain_sum", "answer": str(n + 1), "kind": ""}
            for n in range(8)
        ]
    )
    stage = SMOKE.zero.model_copy(update={"max_steps": 3, "batch_size": 16, "micro_batch_size": 8})
    rl = SMOKE.rl.model_copy(update={"max_steps_without_variance": patience, "rollout": rollout})
    return train_grpo(model, prompts, stage, rl, ([reward], [1.0]), 0, tmp_path / "curve.csv")


def test_grpo_trains_logs_and_keeps_samples_with_rewards(tiny_model: Path, tmp_path: Path) -> None:
    result = run_grpo(tiny_model, brevity, tmp_path)
    assert {"step", "prompt", "completion", "answer", "brevity"} <= set(result.samples)
    assert (result.samples["brevity"] < 0).all()
    log = pd.read_csv(tmp_path / "curve.csv")
    assert {"reward", "kl", "entropy", "completions/mean_length", "language_mixing", "reflection_rate"} <= set(log)
    assert result.metrics["rollouts"] == 48 and result.metrics["flops"] > 0


def test_grpo_stops_when_no_reward_varies(tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NoRewardVariance, match="no group has any reward variance"):
        run_grpo(tiny_model, silence, tmp_path, patience=2)
    assert "warning: step 1: no group has any reward variance" in capsys.readouterr().out


def test_variance_guard_forgives_once_there_is_some() -> None:
    guard, state = VarianceGuard(patience=2), SimpleNamespace(global_step=1)
    for share in (1.0, 0.5, 1.0):
        guard.on_log(None, state, None, {"frac_reward_zero_std": share})  # type: ignore[arg-type]
    with pytest.raises(NoRewardVariance):
        guard.on_log(None, state, None, {"frac_reward_zero_std": 1.0})  # type: ignore[arg-type]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_broken_loss_stops_the_run(loss: float, tmp_path: Path) -> None:
    with pytest.raises(BrokenLoss, match="at step 3"):
        Recorder(tmp_path / "c.csv").on_log(None, SimpleNamespace(global_step=3), None, {"loss": loss})  # type: ignore[arg-type]


def test_sft_learns_its_examples_and_changes_the_template(tiny_model: Path, tmp_path: Path) -> None:
    examples = [{"prompt": f"What is {n} + 0?", "completion": f"<answer>{n}</answer>"} for n in range(8)]
    settings = SMOKE.sft.model_copy(update={"epochs": 24, "learning_rate": 3e-3})
    _, tokenizer, metrics = finetune(tiny_model, examples, settings, 0, tmp_path / "curve.csv")
    losses = pd.read_csv(tmp_path / "curve.csv")["loss"]
    assert losses.iloc[-1] < 0.7 * losses.iloc[0]
    assert "Think first" not in tokenizer.chat_template
    assert metrics["examples"] == 8


def test_packing_loses_no_token_and_depends_on_the_seed(tiny_model: Path) -> None:
    from r1.models.loading import load_tokenizer

    tokenizer = load_tokenizer(tiny_model)
    texts = [f"What is {n} + 1?" for n in range(50)]
    blocks = pack(texts, tokenizer, length=16, blocks=4, seed=0)
    assert blocks.shape == (4, 16)
    assert (blocks == pack(texts, tokenizer, 16, 4, 0)).all() and not (blocks == pack(texts, tokenizer, 16, 4, 1)).all()
    first = str(tokenizer.decode(blocks.flatten())).split("<|end|>")[0]
    assert first in texts


def test_general_prompts_come_only_at_the_end() -> None:
    settings = SMOKE.final_rl.model_copy(
        update={"max_steps": 8, "batch_size": 32, "num_generations": 4, "general_last": 0.25, "general_share": 0.5}
    )
    reasoning = [{"prompt": f"p{n}", "task": "chain_sum", "answer": "1"} for n in range(5)]
    general = [{"prompt": f"g{n}", "kind": "helpful"} for n in range(3)]
    prompts = all_scenarios(reasoning, general, settings, seed=0)
    assert len(prompts) == 8 * 8
    kinds = [[row["kind"] != "" for row in prompts[step * 8 : step * 8 + 8]] for step in range(8)]
    assert [sum(step) for step in kinds] == [0, 0, 0, 0, 0, 0, 4, 4]


def rollouts_by_vllm_come_from_the_policy(tiny_model: Path, tmp_path: Path) -> None:
    """TRL's colocated vLLM samples from the current weights: its log-probabilities stay the trainer's, step by step."""
    rollout = compose("rollout=vllm").rl.rollout
    run_grpo(tiny_model, brevity, tmp_path, rollout=rollout)
    log = pd.read_csv(tmp_path / "curve.csv")
    assert len(log) == 3
    assert (log["sampling/sampling_logp_difference/max"] < 1e-3).all(), log["sampling/sampling_logp_difference/max"]


def test_rollouts_by_vllm(tiny_model: Path, tmp_path: Path) -> None:
    if tiny_model.parent.name.startswith("deepseek"):
        pytest.skip("colocated rollouts are supported for the dense teacher")
    run_alone(
        "from tests.training.test_training import *; "
        f"rollouts_by_vllm_come_from_the_policy(Path({str(tiny_model)!r}), Path({str(tmp_path)!r}))"
    )
