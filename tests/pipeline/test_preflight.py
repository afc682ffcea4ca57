"""A stage that the GPUs of a machine cannot run is refused in one line per reason, before anything is loaded."""

import os
from dataclasses import replace

import pytest

from r1.pipeline import preflight, stage
from r1.pipeline.preflight import MachineUnfit, fit_checks, require_machine, too_large
from tests.conftest import compose
from tests.test_doctor import CPU, CUDA, H100, OLD

GPU = replace(CPU, packages=CUDA, gpus=(H100,))
L4 = replace(H100, name="NVIDIA L4", memory=23034)
CONFIG = compose("profile=gpu")

UNFIT = {
    "driver": (
        replace(GPU, gpus=(OLD,)),
        "gpu: 1 x NVIDIA H100 80GB HBM3 .*driver 550.54.15 is too old: CUDA 13 needs 580",
    ),
    "compiler": (replace(GPU, compiler=None), "compiler: no C compiler: Triton needs it on a GPU"),
    "headers": (replace(GPU, headers=False), "headers: no Python.h: Triton needs it on a GPU"),
    "memory": (
        replace(GPU, gpus=(H100, L4)),
        r"zero on NVIDIA L4: needs \d+\.\d GB per device, 21\.7 GB are usable; the largest part is",
    ),
    "no GPU": (replace(GPU, gpus=()), "gpu: none, and vllm here is the CUDA build"),
    "no answer": (
        replace(GPU, gpus=(), gpu_problem="version mismatch"),
        "gpu: the driver does not respond: version mismatch",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_a_machine_lacks_is_said_before_anything_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, message = UNFIT[name]
    monkeypatch.setattr(preflight, "_has_cuda_build", lambda: True)
    with pytest.raises(MachineUnfit, match=f"zero cannot run on this machine:\n  {message}") as refused:
        require_machine(CONFIG, "zero", lambda: machine)
    assert len(str(refused.value).splitlines()) == 2


def test_without_libnuma_what_samples_with_vllm_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM's CPU build starts without it, and the recipe would end a quarter of an hour later."""
    monkeypatch.setattr(preflight, "_has_cuda_build", lambda: False)
    monkeypatch.setattr(preflight, "has_numa", lambda: False)
    reason = "rejection_sampling.engine: no libnuma.so.1, which vLLM's CPU build loads"
    for name in ("prepare", "rejection_sampling"):
        with pytest.raises(MachineUnfit) as refused:
            require_machine(compose(), name)
        assert str(refused.value) == f"{name} cannot run on this machine:\n  {reason}"
    for name in ("zero", "evaluate"):
        require_machine(compose(), name)
    require_machine(compose("engine@rejection_sampling.engine=transformers"), "prepare")
    monkeypatch.setattr(preflight, "has_numa", lambda: True)
    require_machine(compose(), "prepare")


def test_a_fit_machine_runs_every_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_has_cuda_build", lambda: True)
    for name in ("prepare", "zero", "evaluate", "report"):
        require_machine(CONFIG, name, lambda: GPU)


def test_the_first_stage_answers_for_all_and_any_other_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_has_cuda_build", lambda: True)
    small = replace(GPU, gpus=(L4,))
    with pytest.raises(MachineUnfit) as refused:
        require_machine(CONFIG, "prepare", lambda: small)
    named = [line.split()[0] for line in str(refused.value).splitlines()[1:]]
    assert {"zero", "sft", "reward_models", "final_rl", "distill_llama"} <= set(named) and "distill_qwen" not in named
    qwen = CONFIG.model_copy(update={"model": "distill_qwen"})
    require_machine(qwen, "distill", lambda: small)
    with pytest.raises(MachineUnfit, match="distill_llama on NVIDIA L4"):
        require_machine(CONFIG.model_copy(update={"model": "distill_llama"}), "distill", lambda: small)
    with pytest.raises(MachineUnfit, match="reward_models on NVIDIA L4"):
        require_machine(CONFIG, "reward_model", lambda: small)


def test_more_processes_than_gpus_are_refused() -> None:
    (reason,) = too_large(compose("profile=node"), replace(GPU, gpus=(H100, H100)))
    assert reason == "launcher.num_processes = 8: there are 2 GPUs"


def test_the_doctor_says_whether_the_configuration_fits() -> None:
    assert fit_checks(CONFIG, CPU) == []
    (fits,) = fit_checks(CONFIG, GPU)
    assert (fits.status, fits.found) == ("ok", "profile=gpu fits these GPUs, as far as planned")
    assert {check.status for check in fit_checks(CONFIG, replace(GPU, gpus=(L4,)))} == {"warning"}


def test_without_cuda_builds_and_under_slurm_no_gpu_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> None:
        pytest.fail("looked")

    monkeypatch.setattr(preflight, "_has_cuda_build", lambda: False)
    require_machine(CONFIG, "zero", find)  # type: ignore[arg-type]
    monkeypatch.setattr(preflight, "_has_cuda_build", lambda: True)
    require_machine(compose("profile=cluster"), "zero", find)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("visible", "rank", "seen"),
    [(None, None, "0"), ("3,4", None, "3"), ("", None, ""), ("GPU-8f1e", None, "GPU-8f1e"), ("0,1", "1", "0,1")],
)
def test_a_training_in_one_process_sees_one_gpu(
    visible: str | None, rank: str | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("CUDA_VISIBLE_DEVICES", visible), ("LOCAL_RANK", rank)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    stage.use_one_gpu()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == seen
