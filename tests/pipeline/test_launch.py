"""Launchers compose into the commands that DVC runs; accelerate reads its configurations; Slurm's nodes meet."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from r1.config.MISSING import share_of_batch

from r1.support.errors import ConfigurationError
from tests.conftest import PROFILES, ROOT, chosen, compose, copy_project

TRAINING = ("base", "zero", "cold_start", "reasoning_rl", "sft", "reward_model", "final_rl", "distill", "student_rl")
SAMPLING = ("cold_start_data", "rejection_sampling", "evaluate")
SLURM = "sbatch --wait --job-name=r1 --dependency=singleton --output=slurm-%j.log "
ON_NODES = "conf/launcher/slurm.sh accelerate launch --config_file conf/accelerate/"
# What the user changes, and what then stands before the scripts of stages that train, and that sample.
LAUNCHERS: dict[str, tuple[list[str], str, str]] = {
    "local": ([], "python", "python"),
    "ddp": (["launcher=ddp"], "accelerate launch --config_file conf/accelerate/ddp.yaml --num_processes 2", "python"),
    "fsdp2": (
        ["launcher=fsdp2", "launcher.processes=4", "rollout=vllm"],
        "accelerate launch --config_file conf/accelerate/fsdp2.yaml --num_processes 4",
        "python",
    ),
    "fsdp2_node": (
        ["launcher=fsdp2_node", "rollout=vllm"],
        "accelerate launch --config_file conf/accelerate/fsdp2.yaml --num_processes 8",
        "python",
    ),
    "zero3": (
        ["launcher=zero3"],
        "accelerate launch --config_file conf/accelerate/zero3.yaml --num_processes 2",
        "python",
    ),
    "slurm": (
        ["launcher=slurm", "launcher.gpus_per_node=4", "rollout=vllm"],
        f"{SLURM}--nodes=2 --ntasks-per-node=1 --gpus-per-node=4 {ON_NODES}fsdp2.yaml",
        f"{SLURM}--nodes=1 --ntasks-per-node=1 --gpus-per-node=4 conf/launcher/slurm.sh python",
    ),
}


def test_every_launcher_is_tried() -> None:
    assert set(LAUNCHERS) == {path.stem for path in (ROOT / "conf" / "launcher").glob("*.yaml")}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_launcher_composes(name: str) -> None:
    overrides, command, sampling = LAUNCHERS[name]
    launcher = compose(*overrides).launcher
    assert (launcher.name, launcher.command, launcher.sampling_command) == (
        name.removesuffix("_node"),
        command,
        sampling,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target: Path = tmp_path_factory.mktemp("launcher") / "project"
    copy_project(target)
    return target


@pytest.mark.parametrize("name", LAUNCHERS)
def test_dvc_would_run_the_launcher(name: str, project: Path) -> None:
    overrides, command, sampling = LAUNCHERS[name]
    check_dry_run(project, overrides, command, sampling)


@pytest.mark.parametrize("profile", sorted({*PROFILES} - {"miniature"}))
def test_dvc_would_run_the_launcher_of_every_profile(profile: str, project: Path, tmp_path: Path) -> None:
    overrides = chosen(profile, tmp_path)
    launcher = compose(*overrides).launcher
    words = {"node": "--num_processes 8", "node_math": "--num_processes 8", "cluster": "sbatch --wait"}
    assert words.get(profile, "python") in launcher.command
    check_dry_run(project, overrides, launcher.command, launcher.sampling_command)


def check_dry_run(project: Path, overrides: list[str], command: str, sampling: str) -> None:
    """What `dvc repro --dry` prints before the stages' scripts."""
    environment = {**os.environ, "PYTHONPATH": str(project)}

    def run(*arguments: str) -> str:
        called = [sys.executable, "-m", *arguments]
        return subprocess.run(called, cwd=project, env=environment, capture_output=True, text=True, check=True).stdout

    run("r1", "compose", *overrides)
    printed = run("dvc", "repro", "--dry", "--allow-missing", "-f")
    commands = re.findall(r"^> (.*) stages/(\w+)\.py", printed, re.MULTILINE)
    assert {stage for _, stage in commands} == {*TRAINING, *SAMPLING, "prepare", "report"}
    expected = {**dict.fromkeys(TRAINING, command), **dict.fromkeys(SAMPLING, sampling)}
    assert {(before, stage) for before, stage in commands} == {
        (expected.get(stage, "python"), stage) for _, stage in commands
    }


REFUSED = {
    "uneven-batches": (["launcher=ddp", "launcher.processes=3"], "base: batch_size 32 .* 3 processes"),
    "another-name": (["launcher=ddp", "launcher.name=zero3"], r"command: .*zero3\.yaml"),
    "another-command": (["launcher=local", "launcher.command=torchrun"], r"launcher.*command = 'torchrun'"),
    "no-processes": (["launcher=ddp", "launcher.processes=0"], r"processes = 0"),
    "no-nodes": (["launcher=slurm", "launcher.nodes=0", "rollout=vllm"], r"nodes = 0"),
    "another-sampling-command": (["launcher=ddp", "launcher.sampling_command=sh"], r"sampling_command = 'sh'"),
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
        ["launcher=ddp", "launcher.processes=32", "rl/algorithm=dapo"],
        r"max_resampling_rounds: needs whole groups in each of 32 processes",
    ),
}


@pytest.mark.parametrize(("overrides", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_by_name(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compose(*overrides)


@pytest.mark.parametrize(
    ("batch", "micro", "processes", "expected"),
    [(32, 32, 1, (32, 1)), (32, 8, 1, (8, 4)), (32, 8, 2, (8, 2)), (32, 32, 2, (16, 1)), (512, 8, 64, (8, 1))],
)
def test_a_batch_is_shared_out(batch: int, micro: int, processes: int, expected: tuple[int, int]) -> None:
    at_once, times = share_of_batch(batch, micro, processes)
    assert (at_once, times) == expected and at_once * times * processes == batch


def configured(name: str) -> Any:
    """What accelerate makes of one of our configurations, and of the command line beside it."""
    file = str(ROOT / "conf" / "accelerate" / f"{name}.yaml")
    given = yaml.safe_load(Path(file).read_text())
    read = load_config_from_file(file)  # refuses unknown keys
    assert set(given) <= set(vars(read))
    arguments = launch_command_parser().parse_args(["--config_file", file, "--num_processes", "2", "stages/sft.py"])
    return _validate_launch_command(arguments)[0]


def test_accelerate_reads_ddp() -> None:
    assert configured("ddp").multi_gpu


def test_accelerate_reads_fsdp2(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = prepare_multi_gpu_env(configured("fsdp2"))
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    from accelerate.utils import FullyShardedDataParallelPlugin

    plugin = FullyShardedDataParallelPlugin()
    assert (plugin.fsdp_version, plugin.reshard_after_forward) == (2, True)
    assert plugin.state_dict_type is not None and plugin.state_dict_type.name == "FULL_STATE_DICT"
    assert environment["ACCELERATE_MIXED_PRECISION"] == "no", "training.mixed_precision decides"


def test_accelerate_reads_zero3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelerate.utils.launch.is_deepspeed_available", lambda: True, raising=False)
    arguments = configured("zero3")
    assert arguments.use_deepspeed and arguments.zero_stage == 3 and arguments.zero3_save_16bit_model
    arguments.deepspeed_fields_from_accelerate_config = ""
    _, environment = prepare_deepspeed_cmd_env(arguments)
    assert environment["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == "3"
    assert environment["ACCELERATE_MIXED_PRECISION"] == "no", "training.mixed_precision decides"


# Slurm's commands on this machine: each node is a process beside the others.
FAKES = {
    "sbatch": """
while [[ $1 == --* ]]; do
  case $1 in
    --nodes=*) export SLURM_NNODES=${1#*=};;
    --gpus-per-node=*) export SLURM_GPUS_PER_NODE=${1#*=};;
    --output=*) log=${1#*=};;
  esac
  shift
done
export SLURM_JOB_ID=$$ SLURM_JOB_NODELIST=node[1-$SLURM_NNODES]
cp "$1" spooled.sh  # Slurm runs a copy
bash spooled.sh "${@:2}" > "${log/\\%j/1}" 2>&1
""",
    "scontrol": """
[ "$*" = "show hostnames $SLURM_JOB_NODELIST" ] && printf '127.0.0.1\\nelsewhere.invalid\\n'
""",
    "srun": """
shift
for node in $(seq 0 $((SLURM_NNODES - 1))); do SLURM_NODEID=$node "$@" & processes+=($!); done
for _ in "${processes[@]}"; do
  wait -n || { kill -9 "${processes[@]}"; exit 1; }  # --kill-on-bad-exit
done
""",
}
STAGE = """
import os, sys
import torch
from accelerate import PartialState
from accelerate.utils import reduce
state = PartialState(cpu=True)
rank, local = state.process_index, os.environ.get("LOCAL_RANK")
total = reduce(torch.tensor(10**rank), "sum")
# In one write: the processes share the log.
sys.stdout.write(f"{sys.argv[1]} rank {rank} local {local} of {state.num_processes} {total.item()}\\n")
if sys.argv[1] == "model=broken" and rank == 3:
    sys.exit("broken")
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs what launcher=slurm says; gives exit code and log."""
    for name, script in FAKES.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{script}")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "sft.py").write_text(STAGE)
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}")

    def run(command: str, model: str) -> tuple[int, str]:
        result = subprocess.run(f"{command} stages/sft.py model={model}", shell=True, cwd=tmp_path, check=False)
        return result.returncode, (tmp_path / "slurm-1.log").read_text()

    return run


def test_the_nodes_of_a_slurm_job_meet(slurm: Callable[..., tuple[int, str]]) -> None:
    config = compose("launcher=slurm", "launcher.gpus_per_node=2", "launcher.parallelism=ddp")
    code, log = slurm(config.launcher.command, "qwen")
    assert code == 0, log
    seen = sorted(line for line in log.splitlines() if line.startswith("model="))
    assert seen == [f"model=qwen rank {rank} local {rank % 2} of 4 1111" for rank in range(4)]


def test_a_process_that_fails_fails_the_stage(slurm: Callable[..., tuple[int, str]]) -> None:
    config = compose("launcher=slurm", "launcher.gpus_per_node=2", "launcher.parallelism=ddp")
    code, log = slurm(config.launcher.command, "broken")
    assert code != 0 and "broken" in log


def test_a_stage_that_samples_is_one_process_of_a_job(slurm: Callable[..., tuple[int, str]]) -> None:
    config = compose("launcher=slurm", "launcher.gpus_per_node=2", "launcher.parallelism=ddp")
    code, log = slurm(config.launcher.sampling_command, "qwen")
    assert code == 0 and "of 1 1" in log, log
