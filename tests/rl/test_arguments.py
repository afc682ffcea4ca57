"""TRL's arguments of an RL run, from our settings."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trl.import_utils as import_utils
from trl import GRPOConfig, RLOOConfig

from r1.config.rl import LeaveOneOutConfig
from r1.config.sampling import ColocatedRolloutConfig
from r1.models import patches
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.rl import arguments as module
from r1.rl.arguments import algorithm_arguments, rollout_arguments
from r1.rl.settings import RlSettings
from r1.support.errors import UserError
from tests.conftest import compose
from tests.trainings import SMOKE, configured

STAGE = SMOKE.zero.model_copy(update={"batch_size": 16, "micro_batch_size": 4, "num_generations": 4})
PROMPTS = [{"prompt": as_messages("What is 1 + 1?")}, {"prompt": as_messages("What is 1 + 1 + 1 + 1?")}]


def arguments_of(name: str, **changes: Any) -> dict[str, Any]:
    return algorithm_arguments(RlSettings(STAGE, configured(name, **changes)))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No launcher's, and whatever is set is unset again."""
    kept = dict(os.environ)
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name in set(os.environ) - set(kept):
        del os.environ[name]


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("grpo", {}, {"loss_type": "grpo", "scale_rewards": "group", "importance_sampling_level": "token"}),
        ("dr_grpo", {}, {"loss_type": "dr_grpo", "scale_rewards": "none"}),
        ("dapo", {}, {"loss_type": "dapo", "beta": 0.0, "sync_ref_model": False}),
        ("gspo", {}, {"importance_sampling_level": "sequence"}),
        ("grpo", {"beta": 0.1, "ref_model_sync_steps": 7}, {"sync_ref_model": True, "ref_model_sync_steps": 7}),
        ("grpo", {}, {"use_bias_correction_kl": False}),
        ("rloo", {"normalize_advantages": True}, {"normalize_advantages": True}),
        ("reinforce_pp", {}, {"loss_type": "dapo"}),
        ("ppo", {"epsilon": 0.1, "epsilon_high": 0.3}, {"loss_type": "dapo", "epsilon": 0.1, "epsilon_high": 0.3}),
        ("grpo", {}, {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 1}),
        ("grpo", {"num_mini_batches": 2}, {"gradient_accumulation_steps": 1, "steps_per_generation": 2}),
        ("grpo", {"num_iterations": 3}, {"num_iterations": 3, "steps_per_generation": 1}),
    ],
)
def test_algorithms_are_settings_of_trls(name: str, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    found = arguments_of(name, **changes)
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("name", ["grpo", "dr_grpo", "dapo", "gspo", "rloo", "reinforce_pp", "ppo"])
def test_trl_knows_every_argument_and_rounds_are_ours(name: str, tmp_path: Path) -> None:
    found = arguments_of(name, num_mini_batches=2)
    kind = RLOOConfig if isinstance(configured(name).algorithm, LeaveOneOutConfig) else GRPOConfig
    arguments = kind(output_dir=str(tmp_path), use_cpu=True, bf16=False, **found)
    assert arguments.generation_batch_size == 2 * STAGE.batch_size
    assert arguments.max_completion_length == STAGE.max_completion_length
    assert arguments.num_generations == 4 and not arguments.shuffle_dataset


def test_a_batch_is_split_over_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    found = arguments_of("grpo")
    assert (found["per_device_train_batch_size"], found["gradient_accumulation_steps"]) == (2, 1)
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UserError, match="batch_size 16 must be a multiple of 3 processes"):
        arguments_of("grpo")


def test_rollouts_in_the_trainer_hide_vllm_from_trl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(import_utils, "is_vllm_available", lambda *_, **__: True)
    assert rollout_arguments(SMOKE.rl.rollout, Policy(tmp_path / "not read"), PROMPTS, 8) == {}
    assert not import_utils.is_vllm_available()


def test_a_colocated_vllm_has_room_for_the_longest_prompt_and_its_completion(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    patched = []
    monkeypatch.setattr(module, "keep_cpu_weights_loadable", lambda: patched.append("weights"))
    monkeypatch.setattr(module, "set_trl_engine_options", patched.append)
    rollout = compose("profile=smoke", "rollout=vllm").rl.rollout
    assert isinstance(rollout, ColocatedRolloutConfig)
    policy = SimpleNamespace(
        stop_strings=["</answer>"], prompt_ids=lambda chats: [[0] * len(chat[-1]["content"]) for chat in chats]
    )
    found = rollout_arguments(rollout, cast(Policy, policy), PROMPTS, max_completion_length=10)
    assert found["vllm_max_model_length"] == len("What is 1 + 1 + 1 + 1?") + 10
    assert (found["use_vllm"], found["vllm_mode"]) == (True, "colocate")
    assert found["generation_kwargs"] == {"stop": ["</answer>"], "include_stop_str_in_output": True}
    assert found["vllm_tensor_parallel_size"] == rollout.tensor_parallel_size
    assert found["vllm_enable_sleep_mode"] is False
    asleep = rollout_arguments(rollout.model_copy(update={"sleep": True}), cast(Policy, policy), PROMPTS, 10)
    assert asleep == {**found, "vllm_enable_sleep_mode": True}
    assert patched[:2] == ["weights", rollout]
    assert (os.environ["RANK"], os.environ["WORLD_SIZE"], os.environ["MASTER_ADDR"]) == ("0", "1", "localhost")


@pytest.mark.parametrize(("rollouts", "decoded"), [(64, 64), (4096, 1024), (8192, 1024)])
def test_an_engine_starts_however_many_rollouts_a_round_has(
    rollouts: int, decoded: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL asks for all of them at a time; node has 4,096 per engine, gpu with R1's 16 mini-batches 8,192."""
    from trl.generation import vllm_generation

    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=lambda **given: given))
    monkeypatch.setattr(vllm_generation, "LLM", None, raising=False)
    engine = compose("profile=gpu").rl.rollout
    assert isinstance(engine, ColocatedRolloutConfig)
    patches.set_trl_engine_options(engine)
    started = vllm_generation.LLM(model="a", max_num_seqs=rollouts, max_num_batched_tokens=4096)
    assert started == {
        **{"model": "a", "max_num_seqs": decoded, "max_num_batched_tokens": 4096},
        **{"dtype": "bfloat16", "enforce_eager": False},
        **{"trust_remote_code": False, "load_format": "safetensors"},
    }


@pytest.mark.slow
def test_vllm_refuses_more_sequences_than_batched_tokens() -> None:
    """Why they are bounded: remove the bound once this passes no longer."""
    scheduler = pytest.importorskip("vllm.config.scheduler")
    sizes: dict[str, Any] = {"max_model_len": 2304, "is_encoder_decoder": False, "max_num_batched_tokens": 4096}
    assert scheduler.SchedulerConfig(**sizes, max_num_seqs=patches.MOST_SEQUENCES)
    with pytest.raises(ValueError, match="must be greater than or equal to max_num_seqs"):
        scheduler.SchedulerConfig(**sizes, max_num_seqs=8192)
