"""RL runs: they learn, keep samples and a diagnosis, stop when there is nothing to learn, and survive being killed."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest

from r1.config.rl import AlgorithmConfig, RlConfig
from r1.config.training import TrainingConfig
from r1.models.chat import as_messages
from r1.rl.difficulty import NothingLeft, choose, within
from r1.rl.train import RlResult, rollout_budget, train_rl
from r1.support.errors import UserError
from r1.training import difficulty
from r1.training.compute import PLAIN
from r1.training.guards import Stopped
from tests.conftest import compose, run_alone

SMOKE = compose("profile=smoke")
ALGORITHMS = ("grpo", "dr_grpo", "dapo", "gspo", "rloo", "reinforce_pp", "ppo")
DIAGNOSIS = {
    "reward", "rewards/brevity/mean", "frac_reward_zero_std", "kl", "entropy", "clip_ratio/region_mean",
    "completions/mean_length", "completions/clipped_ratio", "reflection_rate", "language_mixing", "rollouts",
}  # fmt: skip


def configured(name: str, **changes: Any) -> RlConfig:
    """What every RL run shares at smoke size, with an algorithm some of whose settings are changed."""
    rl = compose("profile=smoke", f"rl/algorithm={name}").rl
    return rl.model_copy(update={"algorithm": rl.algorithm.model_copy(update=changes)})


def brevity(*, completions: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float]:
    return [-float(len(ids)) for ids in completion_ids]


def silence(*, completions: list[Any], **_: Any) -> list[float]:
    return [0.0] * len(completions)


def run(
    model: Path,
    reward: Any,
    tmp_path: Path,
    rl: RlConfig = SMOKE.rl,
    steps: int = 3,
    checkpoints: str = "checkpoints",
    learning_rate: float = 1.5e-4,
    options: TrainingConfig = PLAIN,
) -> RlResult:
    prompts = [
        {"prompt": as_messages(f"What is {n} + 1?"), "task": "chain_sum", "answer": str(n + 1), "kind": ""}
        for n in range(4 * steps)
    ]
    stage = SMOKE.zero.model_copy(
        update={"max_steps": steps, "batch_size": 16, "micro_batch_size": 8, "learning_rate": learning_rate}
    )
    files = tmp_path / "curve.csv", tmp_path / checkpoints
    return train_rl(model, prompts, stage, rl, ([reward], [1.0]), 0, *files, options)


def dense(model: Path) -> Path:
    if model.parent.name.startswith("deepseek"):
        pytest.skip("one architecture tells all there is to tell here")
    return model


def test_every_algorithm_has_its_file() -> None:
    names = {
        name
        for kind in get_args(get_args(AlgorithmConfig)[0])
        for name in get_args(kind.model_fields["name"].annotation)
    }
    assert names == set(ALGORITHMS) == {path.stem for path in Path("conf/rl/algorithm").glob("*.yaml")}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_training_logs_a_diagnosis_and_keeps_samples_with_rewards(
    name: str, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name not in ("grpo", "ppo"):
        dense(tiny_model)
    result = run(tiny_model, brevity, tmp_path, configured(name))
    assert {"step", "prompt", "completion", "answer", "brevity"} <= set(result.samples)
    assert (result.samples["brevity"] < 0).all()
    log = pd.read_csv(tmp_path / "curve.csv")
    assert set(log) >= DIAGNOSIS
    assert log[list(DIAGNOSIS)].notna().all().all()
    assert result.metrics["rollouts"] == log["rollouts"].iloc[-1] and result.metrics["flops"] > 0
    assert set(result.metrics["phases"]) == {"generate", "score", "train"}
    throughput = pd.read_csv(tmp_path / "throughput" / "curve.csv")
    assert (throughput[[f"{phase}_tokens_per_second" for phase in ("generate", "score", "train")]] > 0).all().all()
    assert ("critic/explained_variance" in log) == (name == "ppo")
    # The run is shorter than PPO's warm-up.
    assert ("only the critic learns" in capsys.readouterr().out) == (name == "ppo")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_moves_the_policy_towards_the_reward(name: str, tiny_model: Path, tmp_path: Path) -> None:
    steps = 24 if name == "ppo" else 16
    run(dense(tiny_model), brevity, tmp_path, configured(name, extra_rewards={}), steps, learning_rate=1e-3)
    lengths = pd.read_csv(tmp_path / "curve.csv")["completions/mean_length"]
    assert lengths.iloc[-4:].mean() < 0.9 * lengths.iloc[:4].mean()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_run_without_any_variance_stops(
    name: str, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rl = configured(name)
    with pytest.raises(Stopped, match="no group has any reward variance"):
        run(dense(tiny_model), silence, tmp_path, rl.model_copy(update={"patience": 2}), steps=12)
    assert "warning: step 1: no group has any reward variance" in capsys.readouterr().out


class Killed(BaseException):
    """Stands for a SIGKILL: nothing in between may catch it."""


def killed_in(call: int) -> Callable[..., list[float]]:
    """A reward that kills the run the n-th time it is asked."""
    calls = 0

    def reward(**arguments: Any) -> list[float]:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Killed
        return brevity(**arguments)

    reward.__name__ = "brevity"
    return reward


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize(("mini_batches", "call"), [(1, 2), (1, 6), (2, 3)])
def test_a_killed_run_ends_as_an_undisturbed_one(
    name: str, mini_batches: int, call: int, tiny_model: Path, tmp_path: Path
) -> None:
    if (mini_batches, call) != (1, 6) and name not in ("grpo", "ppo"):
        pytest.skip("two algorithms tell enough")
    rl = configured(name, mini_batches=mini_batches, ref_model_sync_steps=3)
    rl = rl.model_copy(update={"checkpoint_steps": 2})

    def outcome(result: RlResult) -> tuple[Any, ...]:
        weights = {key: value.numpy().tobytes() for key, value in result.model.state_dict().items()}
        digest = hashlib.sha256(b"".join(weights[key] for key in sorted(weights))).hexdigest()
        return digest, (tmp_path / "curve.csv").read_text(), result.samples.to_csv(), result.metrics["rollouts"]

    undisturbed = outcome(run(dense(tiny_model), brevity, tmp_path, rl, steps=8, checkpoints="whole"))
    with pytest.raises(Killed):
        run(tiny_model, killed_in(call), tmp_path, rl, steps=8)
    assert outcome(run(tiny_model, brevity, tmp_path, rl, steps=8)) == undisturbed


def test_half_a_checkpoint_is_not_taken_for_a_whole_one(tiny_model: Path, tmp_path: Path) -> None:
    rl = SMOKE.rl.model_copy(update={"checkpoint_steps": 1})
    with pytest.raises(Killed):
        run(dense(tiny_model), killed_in(3), tmp_path, rl)
    newest = tmp_path / "checkpoints" / "checkpoint-2"
    (newest / "manifest.json").unlink()  # it is written last
    (newest / "model.safetensors").write_bytes(b"half")
    assert len(run(tiny_model, brevity, tmp_path, rl).samples) > 0
    assert len(pd.read_csv(tmp_path / "curve.csv")) == 3


def test_dynamic_sampling_spends_the_budget_in_fewer_steps_and_keeps_the_order(
    tiny_model: Path, tmp_path: Path
) -> None:
    asked: list[int] = []

    def seldom(*, completions: list[Any], prompts: list[Any], **_: Any) -> list[float]:
        numbers = [int(prompt[-1]["content"].split()[2]) for prompt in prompts]
        asked.extend(numbers[:: SMOKE.zero.num_generations])
        return [float(index % 2) if numbers[index] % 3 == 0 else 0.0 for index in range(len(completions))]

    result = run(dense(tiny_model), seldom, tmp_path, configured("dapo", extra_rewards={}), steps=6)
    assert 96 <= result.metrics["rollouts"] < 96 + 16
    assert result.metrics["steps"] < 6
    assert asked == [number % 24 for number in range(len(asked))], "a schedule is kept, whatever is replaced"


def test_budget_counts_whole_rounds() -> None:
    stage = SMOKE.zero.model_copy(update={"max_steps": 5, "batch_size": 16})
    algorithm = SMOKE.rl.algorithm
    assert rollout_budget(stage, algorithm) == 80
    assert rollout_budget(stage, algorithm.model_copy(update={"num_mini_batches": 2})) == 96
    assert rollout_budget(stage, algorithm.model_copy(update={"num_mini_batches": 2, "num_iterations": 2})) == 64


def test_pass_rate_chooses_and_orders_prompts() -> None:
    bounds = compose("rl/difficulty=curriculum").rl.difficulty
    rows = [{"prompt": name} for name in ("never", "seldom", "often", "always")]
    chosen, counts = within(rows, [0.0, 0.25, 0.75, 1.0], bounds)  # type: ignore[arg-type]
    assert [row["prompt"] for row in chosen] == ["often", "seldom"]
    assert counts == {"all": 4, "chosen": 2, "too_easy": 1, "too_hard": 1}
    with pytest.raises(NothingLeft, match=r"from 0.01 to 0.99: .*'too_hard': 4"):
        within(rows, [0.0] * 4, bounds)  # type: ignore[arg-type]
    assert issubclass(NothingLeft, UserError)


def test_all_prompts_are_used_unmeasured(tiny_model: Path) -> None:
    rows = [{"prompt": "p"}]
    chosen, counts = choose(rows, tiny_model, SMOKE.rl.difficulty, SMOKE.zero, 0)
    assert chosen == rows and counts == {"all": 1, "chosen": 1, "too_easy": 0, "too_hard": 0, "too_long": 0}


@pytest.mark.parametrize("name", ["all", "filtered"])
def test_prompts_too_long_for_the_context_are_left_out(
    name: str, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": "What is 1 + 1?" + " + 1" * n, "task": "chain_sum", "answer": "2"} for n in (200, 0, 300)]
    bounds = ("rl.difficulty.min_pass_rate=0", "rl.difficulty.max_pass_rate=1") if name == "filtered" else ()
    chosen_by = compose(f"rl/difficulty={name}", *bounds).rl.difficulty
    chosen, counts = choose(rows, dense(tiny_model), chosen_by, SMOKE.zero, 0)
    assert chosen == rows[1:2]
    assert counts == {"all": 3, "chosen": 1, "too_easy": 0, "too_hard": 0, "too_long": 2}
    said = "warning: 2 of 3 prompts do not fit beside max_completion_length = 32 in a context of 256 tokens"
    assert said in capsys.readouterr().out
    with pytest.raises(NothingLeft, match="no prompt fits beside max_completion_length = 32 in a context of 256"):
        choose(rows[::2], dense(tiny_model), chosen_by, SMOKE.zero, 0)


def test_a_policy_without_a_context_takes_any_prompt(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difficulty, "context_length", lambda config: None)
    rows = [{"prompt": "1" * 1000}]
    assert difficulty.within_context(rows, tiny_model, 10_000) == rows


def test_pass_rates_are_measured_on_the_starting_policy(tiny_model: Path) -> None:
    rows = [{"prompt": f"What is {n} + 1?", "task": "chain_sum", "answer": str(n + 1)} for n in range(3)]
    difficulty = compose("rl/difficulty=filtered").rl.difficulty
    everything = difficulty.model_copy(update={"min_pass_rate": 0.0, "max_pass_rate": 1.0})
    chosen, counts = choose(rows, dense(tiny_model), everything, SMOKE.zero, 0)
    assert counts["chosen"] == 3 and sorted(row["prompt"] for row in chosen) == sorted(row["prompt"] for row in rows)


def rollouts_by_vllm_come_from_the_policy(tiny_model: Path, tmp_path: Path) -> None:
    """TRL's colocated vLLM samples from the current weights: its log-probabilities stay the trainer's, step by step."""
    run(tiny_model, brevity, tmp_path, compose("profile=smoke", "rollout=vllm").rl)
    log = pd.read_csv(tmp_path / "curve.csv")
    assert len(log) == 3
    assert (log["sampling/sampling_logp_difference/max"] < 1e-3).all(), log["sampling/sampling_logp_difference/max"]


def test_rollouts_by_vllm(tiny_model: Path, tmp_path: Path) -> None:
    if tiny_model.parent.name.startswith("deepseek"):
        pytest.skip("colocated rollouts are supported for the dense teacher")
    run_alone(
        "from tests.rl.test_train import *; "
        f"rollouts_by_vllm_come_from_the_policy(Path({str(tiny_model)!r}), Path({str(tmp_path)!r}))"
    )
