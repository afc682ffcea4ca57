"""Stages start as the launcher of the configuration says; accelerate reads its configurations; Slurm's nodes meet."""

import os
import shlex
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

from r1.pipeline.compose import compose as compose_values
from r1.pipeline.compose import write_params
from r1.pipeline.launch import launch, prefix
from r1.support.errors import ConfigurationError, UserError
from tests.conftest import PROFILES, ROOT, chosen, compose

TRAINING = (
    *("base", "zero", "cold_start", "reasoning_rl", "sft", "reward_model", "final_rl", "distill", "student_rl"),
    "ablation",
)
SAMPLING = ("cold_start_data", "rejection_sampling", "evaluate", "reference")
PLAIN = ("plugins", "prepare", "report", "ablation_report", "seeds_report", "control_report")
PYTHON = [sys.executable]
JOB = "sbatch --wait --job-name=r1 --dependency=singleton --output=slurm-%j.log --exclusive --mem=0 "
ON_NODES = "conf/launcher/slurm.sh accelerate launch --config_file conf/accelerate/"


def accelerate(sharding: str, processes: int) -> list[str]:
    options = f"--config_file conf/accelerate/{sharding}.yaml --num_processes {processes}"
    return [sys.executable, "-m", "accelerate.commands.launch", *options.split()]


# What the user changes, and what then stands before the scripts of stages that train, and that sample.
LAUNCHERS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "local": ([], PYTHON, PYTHON),
    "ddp": (["launcher=ddp"], accelerate("ddp", 2), PYTHON),
    "fsdp2": (["launcher=fsdp2", "launcher.num_processes=4", "rollout=vllm"], accelerate("fsdp2", 4), PYTHON),
    "fsdp2_node": (["launcher=fsdp2_node", "rollout=vllm"], accelerate("fsdp2", 8), PYTHON),
    "zero3": (["launcher=zero3"], accelerate("zero3", 2), PYTHON),
    "slurm": (
        ["launcher=slurm", "launcher.gpus_per_node=4", "rollout=vllm"],
        f"{JOB}--nodes=2 --ntasks-per-node=1 --gpus-per-node=4 {ON_NODES}fsdp2.yaml".split(),
        f"{JOB}--nodes=1 --ntasks-per-node=1 --gpus-per-node=4 conf/launcher/slurm.sh python".split(),
    ),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the launcher reads of this project, with parameters of its own; the current directory."""
    for name in ("conf", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    write_params(compose_values([]))
    return tmp_path


def test_every_launcher_and_every_stage_is_tried() -> None:
    assert set(LAUNCHERS) == {path.stem for path in (ROOT / "conf" / "launcher").glob("*.yaml")}
    assert {*TRAINING, *SAMPLING, *PLAIN} == {path.stem for path in (ROOT / "stages").glob("*.py")}


def before_scripts(overrides: list[str]) -> dict[str, list[str]]:
    launcher = compose(*overrides).launcher
    return {stage: prefix(launcher, str(ROOT / f"stages/{stage}.py")) for stage in (*TRAINING, *SAMPLING, *PLAIN)}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_launcher_builds_the_command_of_each_kind_of_stage(name: str) -> None:
    overrides, training, sampling = LAUNCHERS[name]
    assert before_scripts(overrides) == {
        **dict.fromkeys(TRAINING, training),
        **dict.fromkeys(SAMPLING, sampling),
        **dict.fromkeys(PLAIN, PYTHON),
    }


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_launched_on_what_it_is_for(profile: str, tmp_path: Path) -> None:
    before = before_scripts(chosen(profile, tmp_path))
    on_eight = accelerate("fsdp2", 8)
    words = {"node": on_eight, "node_math": on_eight, "cluster": JOB.split()}.get(profile, PYTHON)
    for stage in TRAINING:
        assert before[stage][: len(words)] == words
    assert all(before[stage] == PYTHON for stage in PLAIN)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_dry_run_prints_the_command_and_starts_nothing(
    name: str, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "execvpe", lambda *_: pytest.fail("started"))
    overrides, training, _ = LAUNCHERS[name]
    write_params(compose_values(overrides))
    launch("stages/zero.py", ["zero.max_steps=5", "~zero.rewards.format_reward"], dry_run=True)
    printed = shlex.split(capsys.readouterr().out)
    assert printed == [*training, "stages/zero.py", "zero.max_steps=5", "~zero.rewards.format_reward"]


def test_the_launcher_may_be_overridden_for_one_stage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(compose_values(["launcher=ddp"]))
    launch("stages/zero.py", ["launcher.num_processes=4"], dry_run=True)
    words = [*accelerate("ddp", 4), "stages/zero.py", "launcher.num_processes=4"]
    assert shlex.split(capsys.readouterr().out) == words, "and the stage is told"


def test_the_stage_takes_the_launcher_s_place(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setattr(os, "execvpe", lambda *arguments: started.append(arguments))
    launch("stages/evaluate.py", ["model=zero"], dry_run=False)
    ((program, command, environment),) = started
    assert (program, command) == (sys.executable, [sys.executable, "stages/evaluate.py", "model=zero"])
    assert environment == {**os.environ, "PYTHONPATH": f"{ROOT}:/elsewhere"}, "this library before any installed one"


@pytest.mark.parametrize("script", ["stages/nothing.py", "zero", "conf/config.yaml", "stages", "../stages/zero.py"])
def test_an_unknown_script_is_refused_by_those_that_there_are(script: str, project: Path) -> None:
    with pytest.raises(
        UserError, match=rf"^{script}: no such stage; available: stages/ablation\.py, .*stages/zero\.py$"
    ):
        launch(script, [], dry_run=True)


@pytest.mark.parametrize("script", ["./stages/zero.py", str(ROOT / "stages/zero.py")])
def test_a_script_may_be_called_by_any_path(script: str, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launch(script, [], dry_run=True)
    assert shlex.split(capsys.readouterr().out) == [*PYTHON, script]


def test_a_missing_program_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretraining = [f"{base}.pretraining.batch_size=32" for base in ("base", "base_qwen", "base_llama")]
    tuning = [f"{stage}.batch_size=32" for stage in ("cold_start", "sft", "distill_qwen", "distill_llama")]
    write_params(compose_values(["launcher=slurm", "rollout=vllm", *pretraining, *tuning]))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="sbatch is not installed on this machine: choose another launcher"):
        launch("stages/zero.py", [], dry_run=False)


@pytest.mark.parametrize("wrong", ["zero.batch_size=3", "rl/algorithm=ppo", "launcher=ddp"])
def test_a_wrong_configuration_starts_nothing(wrong: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "execvpe", lambda *_: pytest.fail("started"))
    with pytest.raises(ConfigurationError):
        launch("stages/zero.py", [wrong], dry_run=False)


FILES = ("dvc.yaml", "experiments/algorithms/dvc.yaml")


@pytest.mark.parametrize("file", FILES)
def test_no_command_and_no_parameter_of_dvc_names_a_launcher(file: str) -> None:
    """So another launcher marks no finished stage as changed."""
    for name, stage in yaml.safe_load((ROOT / file).read_text())["stages"].items():
        assert stage["cmd"].startswith("python -m r1 launch stages/"), name
        assert "launcher" not in stage["cmd"], name
        assert not [param for param in stage["params"] if str(param).startswith("launcher")], name
        assert not [dep for dep in stage["deps"] if "launcher" in dep or "accelerate" in dep], name


def test_another_launcher_changes_no_section_but_its_own() -> None:
    values = {name: compose_values(overrides, ROOT / "conf") for name, (overrides, *_) in LAUNCHERS.items()}
    rollout = compose_values(["rollout=vllm"], ROOT / "conf")
    for name, composed in values.items():
        like = rollout if "rollout=vllm" in LAUNCHERS[name][0] else values["local"]
        assert {key for key in like if composed[key] != like[key]} <= {"launcher"}, name


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
export SLURM_JOB_ID=$$ SLURM_JOB_NODELIST=node[1-$SLURM_NNODES] SLURM_CPUS_ON_NODE=96
cp "$1" spooled.sh  # Slurm runs a copy
bash spooled.sh "${@:2}" > "${log/\\%j/1}" 2>&1
""",
    "scontrol": """
[ "$*" = "show hostnames $SLURM_JOB_NODELIST" ] && printf '127.0.0.1\\nelsewhere.invalid\\n'
""",
    "srun": """
shift
echo "srun with $SRUN_CPUS_PER_TASK cores a task"
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
state.destroy_process_group()
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs a stage as launcher=slurm says, here one that shows its rank; gives exit code and log."""
    for name, script in FAKES.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{script}")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "stages").mkdir()
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    launcher = compose("launcher=slurm", "launcher.gpus_per_node=2", "launcher.sharding=ddp").launcher

    def run(stage: str, model: str) -> tuple[int, str]:
        (tmp_path / "stages" / f"{stage}.py").write_text(STAGE)
        command = [*prefix(launcher, str(ROOT / f"stages/{stage}.py")), f"stages/{stage}.py", f"model={model}"]
        result = subprocess.run(command, cwd=tmp_path, check=False)
        return result.returncode, (tmp_path / "slurm-1.log").read_text()

    return run


@pytest.mark.slow
def test_the_nodes_of_a_slurm_job_meet(slurm: Callable[..., tuple[int, str]]) -> None:
    code, log = slurm("distill", "qwen")
    assert code == 0, log
    assert "srun with 96 cores a task" in log, "one core otherwise"
    seen = sorted(line for line in log.splitlines() if line.startswith("model="))
    assert seen == [f"model=qwen rank {rank} local {rank % 2} of 4 1111" for rank in range(4)]


@pytest.mark.slow
def test_a_process_that_fails_fails_the_stage(slurm: Callable[..., tuple[int, str]]) -> None:
    code, log = slurm("distill", "broken")
    assert code != 0 and "broken" in log


@pytest.mark.slow
def test_a_stage_that_samples_is_one_process_of_a_job(slurm: Callable[..., tuple[int, str]]) -> None:
    code, log = slurm("evaluate", "qwen")
    assert code == 0 and "of 1 1" in log, log
    assert "srun with 96 cores a task" in log, "one core otherwise"
