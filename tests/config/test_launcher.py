"""Launchers: how many processes, split in which way, and what cannot work in several."""

import pytest

from r1.config.launcher import AccelerateConfig, LocalConfig, SlurmConfig
from r1.config.training import check_batch
from r1.support.errors import ConfigurationError
from tests.conftest import compose


@pytest.mark.parametrize(
    ("launcher", "sharding", "processes"),
    [
        (LocalConfig(name="local"), "ddp", 1),
        (AccelerateConfig(name="zero3", num_processes=4), "zero3", 4),
        (SlurmConfig(name="slurm", sharding="fsdp2", nodes=3, gpus_per_node=8), "fsdp2", 24),
    ],
)
def test_processes_and_how_they_split_a_training(
    launcher: LocalConfig | AccelerateConfig | SlurmConfig, sharding: str, processes: int
) -> None:
    assert (launcher.sharding, launcher.total_processes) == (sharding, processes)


REFUSED = {
    "uneven-batches": (
        ["launcher=ddp", "launcher.num_processes=3"],
        "base: batch_size 8 must be a multiple of 3 processes",
    ),
    "unknown-name": (["launcher=ddp", "launcher.name=torchrun"], r"does not match any of the expected tags: 'local'"),
    "a-command": (["launcher=local", "launcher.command=torchrun"], r"launcher: unknown key 'command'; allowed: name$"),
    "no-processes": (["launcher=ddp", "launcher.num_processes=0"], r"num_processes = 0"),
    "no-nodes": (["launcher=slurm", "launcher.nodes=0", "rollout=vllm"], r"nodes = 0"),
    "unknown-sharding": (
        ["launcher=slurm", "launcher.sharding=tp", "rollout=vllm"],
        r"sharding = 'tp': Input should be",
    ),
    "parts-of-an-engine": (
        ["launcher=ddp", "rollout=vllm", "rl.rollout.tensor_parallel_size=4"],
        r"tensor_parallel_size = 4: must divide the launcher's processes",
    ),
    "adapters-in-parts": (
        ["launcher=zero3", "lora=all_linear", "rl.algorithm.ref_model_sync_steps=1000"],
        r"training\.lora.*cannot be merged",
    ),
    "ppo-in-parts": (["launcher=zero3", "rl/algorithm=ppo"], r"rl\.algorithm = 'ppo'.*zero3"),
    "generate-from-parts": (["launcher=fsdp2"], r"rl\.rollout = 'transformers'.*fsdp2"),
    "measured-pass-rates": (["launcher=ddp", "rl/difficulty=filtered"], r"rl\.difficulty = 'filtered'"),
    "groups-in-parts": (
        ["launcher=ddp", "launcher.num_processes=32", "rl/algorithm=dapo"],
        r"max_resampling_rounds: needs whole groups in each of 32 processes",
    ),
    "groups-in-parts-of-a-reward-that-compares": (
        ["launcher=ddp", "launcher.num_processes=32", "rl.algorithm.extra_rewards.len_reward=0.5"],
        r"len_reward: needs whole groups in each of 32 processes, .* batch_size 128 .* num_generations 8",
    ),
    "groups-in-parts-of-a-stage-s-reward": (
        ["launcher=ddp", "launcher.num_processes=32", "zero.rewards.len_reward=0.5"],
        r"len_reward: needs whole groups in each of 32 processes",
    ),
}


@pytest.mark.parametrize(("overrides", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_by_name(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compose(*overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["launcher.num_processes=16", "rl.algorithm.extra_rewards.len_reward=0.5"],
        ["launcher.num_processes=32", "rl.algorithm.extra_rewards.len_reward=0.5", "rl.algorithm.num_mini_batches=2"],
        ["launcher.num_processes=32", "rl.algorithm.extra_rewards.len_reward=0"],
    ],
)
def test_a_reward_that_compares_is_allowed_where_groups_are_whole(overrides: list[str]) -> None:
    pretraining = [f"{base}.pretraining.batch_size=32" for base in ("base", "base_qwen", "base_llama")]
    tuning = [f"{stage}.batch_size=32" for stage in ("cold_start", "sft", "distill_qwen", "distill_llama")]
    assert compose("launcher=ddp", *pretraining, *tuning, *overrides).launcher.total_processes >= 16


# Rows of a step, rows at once at most, processes.
EVEN = [(32, 32, 1), (32, 8, 1), (32, 8, 2), (32, 32, 2), (512, 8, 64), (4, 8, 4)]
UNEVEN = [(32, 32, 3), (32, 12, 1), (32, 12, 2), (2, 1, 4)]


@pytest.mark.parametrize(("batch", "micro", "processes"), EVEN)
def test_an_even_batch_is_allowed(batch: int, micro: int, processes: int) -> None:
    check_batch(batch, micro, processes)


@pytest.mark.parametrize(("batch", "micro", "processes"), UNEVEN)
def test_an_uneven_batch_is_refused(batch: int, micro: int, processes: int) -> None:
    with pytest.raises(ValueError, match=f"batch_size {batch} must be a multiple of {processes} processes"):
        check_batch(batch, micro, processes)
