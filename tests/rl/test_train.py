"""RL runs: they learn, keep samples and a diagnosis, stop when there is nothing to learn, and survive being killed."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from safetensors.torch import load_file

from r1.config.rl import AlgorithmConfig
from r1.training.context import Trained
from r1.training.guards import Stopped
from tests.conftest import compose, run_alone
from tests.trainings import SMOKE, Killed, brevity, configured, context, dense, reinforced

pytestmark = pytest.mark.slow

ALGORITHMS = ("grpo", "dr_grpo", "dapo", "gspo", "rloo", "reinforce_pp", "ppo")
DIAGNOSIS = {
    "reward", "rewards/brevity/mean", "frac_reward_zero_std", "kl", "entropy", "clip_ratio/region_mean",
    "completions/mean_length", "completions/clipped_ratio", "reflection_rate", "language_mixing", "rollouts",
}  # fmt: skip


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_rollout_is_kept_with_its_rewards_and_what_trains(name: str, tiny_model: Path, tmp_path: Path) -> None:
    dense(tiny_model)
    rl = configured(name)
    trained = reinforced(tiny_model, context(tmp_path), rl=rl)
    trained.save_rollouts(tmp_path)
    kept = pd.read_parquet(tmp_path / "rollouts.parquet")
    assert len(kept) == trained.metrics["rollouts"]
    assert set(kept["step"]) <= set(pd.read_csv(tmp_path / "curve.csv")["step"])
    assert (kept.groupby(["step", "group"]).size() == SMOKE.zero.num_generations).all()
    assert (kept.groupby(["step", "group"])["prompt"].nunique() == 1).all()
    extra = {reward: weight for reward, weight in rl.algorithm.extra_rewards.items() if weight}
    weighted = kept["reward_brevity"] + sum(
        weight * kept[f"reward_{reward.removesuffix('_reward')}"].fillna(0) for reward, weight in extra.items()
    )
    assert kept["reward"].to_numpy() == pytest.approx(weighted.to_numpy(), abs=1e-5)
    used = kept["advantage"].notna()
    assert used.all() if name != "dapo" else (kept[used].groupby("step").size() == 16).all()
    assert kept["sampler_logprob"].isna().all()
    assert kept["trainer_logprob"].notna().all() == rl.rescores
    assert (kept["trainer_logprob"].dropna() < 0).all()
    if name in ("grpo", "dr_grpo", "dapo", "gspo", "rloo"):  # a baseline per group
        assert kept.groupby(["step", "group"])["advantage"].sum().abs().max() < 1e-3
        best = kept[used].loc[kept[used].groupby(["step", "group"])["reward"].idxmax()]
        assert (best["advantage"] >= 0).all() and (best["advantage"] > 0).any()


def silence(*, completions: list[Any], **_: Any) -> list[float | None]:
    return [0.0] * len(completions)


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
    result = reinforced(tiny_model, context(tmp_path), rl=configured(name))
    assert result.samples is not None
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
    rl = configured(name, extra_rewards={})
    reinforced(dense(tiny_model), context(tmp_path), rl=rl, steps=steps, learning_rate=1e-3)
    lengths = pd.read_csv(tmp_path / "curve.csv")["completions/mean_length"]
    assert lengths.iloc[-4:].mean() < 0.9 * lengths.iloc[:4].mean()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_run_without_any_variance_stops(
    name: str, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rl = configured(name).model_copy(update={"patience": 2})
    with pytest.raises(Stopped, match="no group has any reward variance"):
        reinforced(dense(tiny_model), context(tmp_path), silence, rl, steps=12)
    assert "warning: step 1: no group has any reward variance" in capsys.readouterr().out


def nothing(*, completions: list[Any], **_: Any) -> list[float | None]:
    return [None] * len(completions)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_steps_without_any_reward_are_logged_as_none_and_change_nothing(
    name: str, tiny_model: Path, tmp_path: Path
) -> None:
    dense(tiny_model)
    rl = configured(name, extra_rewards={}, beta=0.0).model_copy(update={"patience": 4})
    trained = reinforced(tiny_model, context(tmp_path), nothing, rl)
    log = pd.read_csv(tmp_path / "curve.csv")
    assert log[["reward", "rewards/nothing/mean"]].isna().all().all()
    assert trained.metrics["reward"] is None and trained.samples is not None
    before, after = load_file(tiny_model / "model.safetensors"), trained.model.state_dict()
    assert all((after[key] == values).all() for key, values in before.items()), "no gradient but from rewards"


def test_a_run_without_any_reward_stops(tiny_model: Path, tmp_path: Path) -> None:
    rl = configured("grpo").model_copy(update={"patience": 2})
    with pytest.raises(Stopped, match=r"step 2 of 3: no completion has a reward: .*'nothing': None.*; since step 1"):
        reinforced(dense(tiny_model), context(tmp_path), nothing, rl)


def killed_in(call: int) -> Callable[..., list[float | None]]:
    """A reward that kills the run the n-th time it is asked."""
    calls = 0

    def reward(**arguments: Any) -> list[float | None]:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Killed
        return brevity(**arguments)

    reward.__name__ = "brevity"
    return reward


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize(("num_mini_batches", "call"), [(1, 2), (1, 6), (2, 3)])
def test_a_killed_run_ends_as_an_undisturbed_one(
    name: str, num_mini_batches: int, call: int, tiny_model: Path, tmp_path: Path
) -> None:
    if (num_mini_batches, call) != (1, 6) and name not in ("grpo", "ppo"):
        pytest.skip("two algorithms tell enough")
    rl = configured(name, num_mini_batches=num_mini_batches, ref_model_sync_steps=3)
    rl = rl.model_copy(update={"checkpoint_steps": 2})

    def outcome(result: Trained) -> tuple[Any, ...]:
        assert result.samples is not None
        weights = {key: value.numpy().tobytes() for key, value in result.model.state_dict().items()}
        digest = hashlib.sha256(b"".join(weights[key] for key in sorted(weights))).hexdigest()
        assert result.rollouts is not None
        parts = {part.name: part.read_bytes() for part in result.rollouts.iterdir()}
        assert len(parts) == result.metrics["rollout_log"]["rounds"]
        return digest, (tmp_path / "curve.csv").read_text(), result.samples.to_csv(), result.metrics["rollouts"], parts

    undisturbed = outcome(reinforced(dense(tiny_model), context(tmp_path, "whole"), rl=rl, steps=8))
    with pytest.raises(Killed):
        reinforced(tiny_model, context(tmp_path), killed_in(call), rl, steps=8)
    assert outcome(reinforced(tiny_model, context(tmp_path), rl=rl, steps=8)) == undisturbed


def test_half_a_checkpoint_is_not_taken_for_a_whole_one(tiny_model: Path, tmp_path: Path) -> None:
    rl = SMOKE.rl.model_copy(update={"checkpoint_steps": 1})
    with pytest.raises(Killed):
        reinforced(dense(tiny_model), context(tmp_path), killed_in(3), rl)
    newest = tmp_path / "checkpoints" / "checkpoint-2"
    (newest / "manifest.json").unlink()  # it is written last
    (newest / "model.safetensors").write_bytes(b"half")
    samples = reinforced(tiny_model, context(tmp_path), rl=rl).samples
    assert samples is not None and len(samples) > 0
    assert len(pd.read_csv(tmp_path / "curve.csv")) == 3


def test_dynamic_sampling_spends_the_budget_in_fewer_steps_and_keeps_the_order(
    tiny_model: Path, tmp_path: Path
) -> None:
    asked: list[int] = []

    def seldom(*, completions: list[Any], prompts: list[Any], **_: Any) -> list[float | None]:
        numbers = [int(prompt[-1]["content"].split()[2]) for prompt in prompts]
        asked.extend(numbers[:: SMOKE.zero.num_generations])
        return [float(index % 2) if numbers[index] % 3 == 0 else 0.0 for index in range(len(completions))]

    rl = configured("dapo", extra_rewards={})
    result = reinforced(dense(tiny_model), context(tmp_path), seldom, rl, steps=6)
    assert 96 <= result.metrics["rollouts"] < 96 + 16
    assert result.metrics["steps"] < 6
    assert asked == [number % 24 for number in range(len(asked))], "a schedule is kept, whatever is replaced"


def rollouts_by_vllm_come_from_the_policy(tiny_model: Path, tmp_path: Path) -> None:
    """TRL's colocated vLLM samples from the current weights: its log-probabilities stay the trainer's, step by step."""
    for name in ("grpo", "rloo"):
        rl = compose("profile=smoke", "rollout=vllm", f"rl/algorithm={name}").rl
        rl = rl.model_copy(update={"validation_steps": 1})
        held_back = [{"prompt": "What is 30 + 1?", "task": "chain_sum", "answer": "31"}] * 2
        reinforced(tiny_model, context(tmp_path, name), rl=rl, learning_rate=1e-3, held_back=held_back)
        log = pd.read_csv(tmp_path / "curve.csv")
        assert len(log) == 3 and log["validation/pass_at_1"].between(0, 1).all()
        assert (log["sampler/kl"] < 1e-6).all(), log["sampler/kl"]
        assert log["sampler/ratio_p99"].max() < 1.01 and log["sampler/capped_share"].max() == 0.0


def rollouts_by_a_stale_engine_stop_the_run(tiny_model: Path, tmp_path: Path) -> None:
    """The engine keeps its first weights, as with a weight transfer that fails in silence."""
    from trl.generation.vllm_generation import VLLMGeneration

    VLLMGeneration.sync_weights = lambda _: None
    rl = compose("profile=smoke", "rollout=vllm", "rl.patience=2").rl
    with pytest.raises(Stopped, match=r"KL between sampler and trainer is .*, above rl.max_sampler_kl = 0.05"):
        reinforced(tiny_model, context(tmp_path), rl=rl, steps=12, learning_rate=3e-3)
    log = pd.read_csv(tmp_path / "curve.csv")
    assert log["sampler/kl"].iloc[0] < 1e-6 and 2 < len(log) < 12, log["sampler/kl"]


@pytest.mark.parametrize("what", ["rollouts_by_vllm_come_from_the_policy", "rollouts_by_a_stale_engine_stop_the_run"])
def test_rollouts_by_vllm(what: str, tiny_model: Path, tmp_path: Path) -> None:
    if tiny_model.parent.name.startswith("deepseek"):
        pytest.skip("colocated rollouts are supported for the dense teacher")
    run_alone(f"from tests.rl.test_train import *; {what}(Path({str(tiny_model)!r}), Path({str(tmp_path)!r}))")
