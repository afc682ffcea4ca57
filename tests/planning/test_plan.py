"""The plan of the miniature is what its run measured, and what does not fit is refused."""

import json
import subprocess
import sys
from typing import Any

import pytest

from r1.planning.compute import flops, longest_response
from r1.planning.hardware import DEVICES
from r1.planning.memory import PRECISIONS, activation_bytes, training_memory
from r1.planning.plan import Cluster, Cost, plan
from r1.planning.published import Check, checks
from r1.planning.recipe import Recipe
from r1.planning.shapes import KNOWN
from tests.conftest import ROOT, compose, run_alone

TRAINED = ("base", "base_qwen", "base_llama", "cold_start", "sft", "distill_qwen", "distill_llama")
RL = ("zero", "reasoning_rl", "final_rl", "student_rl_qwen", "student_rl_llama")
MISSED = {"R1's SFT data": 6, "V3 decoding, 144 GPUs": 3}
"""Where the planner is off by more than 2: decoding at large batches is planned as bound by bandwidth alone, while
serving also waits for communication; of the SFT data the number of samples is not published either."""
QWEN = "offline=false base.checkpoint=Qwen/Qwen2.5-1.5B"


def costs(*overrides: str, device: Any = "cpu", devices: int = 1, parallelism: Any = "ddp") -> dict[str, Cost]:
    precision: Any = "fp32" if device == "cpu" else "bf16"
    cluster = Cluster(DEVICES[device], devices, parallelism, precision)
    return {cost.name: cost for cost in plan(Recipe(compose(*overrides)).stages(), cluster)}


@pytest.fixture(scope="module")
def miniature() -> dict[str, Cost]:
    return costs()


def measured(name: str) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((ROOT / f"data/metrics/{name}.json").read_text())
    return metrics


@pytest.mark.parametrize("name", [*TRAINED, *RL])
def test_the_formula_is_that_of_the_metrics(name: str) -> None:
    parameters = {stage.name: stage.shape.parameters for stage in Recipe(compose()).stages()}[name]
    tokens = measured(name)["tokens"]
    # RL: sampled, scored by the reference, trained on; the miniature is strictly on-policy.
    forward = 2 * tokens if name in RL else 0
    assert flops(parameters, forward, tokens) == measured(name)["flops"]


@pytest.mark.parametrize("name", ["base", "base_qwen", "base_llama"])
def test_pretraining_is_planned_exactly(name: str, miniature: dict[str, Cost]) -> None:
    assert miniature[name].trained == measured(name)["tokens"]
    assert miniature[name].flops == measured(name)["flops"]


@pytest.mark.parametrize("name", [*TRAINED, *RL])
def test_flops_are_planned_within_a_factor_of_two(name: str, miniature: dict[str, Cost]) -> None:
    assert 0.5 < miniature[name].flops / measured(name)["flops"] < 2


def test_every_stage_that_computes_is_planned(miniature: dict[str, Cost]) -> None:
    models = {path.stem for path in (ROOT / "data/metrics").glob("*.json")}
    # Claims and the data of the world are made without a model; both reward models stand in one row.
    assert models - {"claims", "prepare", "reward_helpful", "reward_harmless"} <= set(miniature)


@pytest.mark.parametrize("check", checks(), ids=lambda check: f"{check.name}, {check.unit}")
def test_published_figures_are_met_within_a_factor_of_two_but_for_known_misses(check: Check) -> None:
    factor = MISSED.get(check.name, 2)
    assert 1 / factor < check.planned / check.published < factor


def test_ppo_plans_a_critic(miniature: dict[str, Cost]) -> None:
    ppo = costs("rl/algorithm=ppo")["zero"]
    assert ppo.memory.gradients == 2 * miniature["zero"].memory.gradients
    assert ppo.trained > miniature["zero"].trained


def test_zero3_divides_what_training_keeps() -> None:
    shape, sizes = KNOWN["Qwen2.5-7B"], PRECISIONS["bf16+fp32"]
    whole, cut = (
        training_memory(shape, sizes, shards, 1, 4096, checkpointing=True, fused_head=True, frozen=1)
        for shards in (1, 8)
    )
    assert whole.weights + whole.gradients + whole.optimizer == 16 * shape.parameters  # arXiv 1910.02054, section 3.1
    assert (cut.weights, cut.optimizer, cut.frozen) == (whole.weights / 8, whole.optimizer / 8, whole.frozen / 8)
    assert cut.activations == whole.activations


def test_activations_are_near_korthikantis() -> None:
    """34 bytes per token and hidden unit (equation 2) with dropout and 4 h wide; ours is gated and has no dropout."""
    shape, sizes = KNOWN["Llama-3.1-8B"], PRECISIONS["bf16"]
    ours = activation_bytes(shape, sizes, 1, checkpointing=False) / (shape.layers * shape.hidden)
    assert 0.7 < ours / 34 < 1.4
    assert activation_bytes(shape, sizes, 1, checkpointing=True) < ours * shape.layers * shape.hidden / 5


def test_a_fused_head_keeps_no_logits() -> None:
    shape = KNOWN["Qwen2.5-1.5B"]
    arguments: dict[str, Any] = {"checkpointing": True, "fused_head": False}
    full = training_memory(shape, PRECISIONS["bf16"], 1, 8, 4096, **arguments)
    fused = training_memory(shape, PRECISIONS["bf16"], 1, 8, 4096, **{**arguments, "fused_head": True})
    assert full.logits == 2 * 8 * 4096 * 151_936 * 4
    assert fused.logits == 0 and fused.total < full.total


def test_the_longest_response_ends_at_the_limit() -> None:
    assert longest_response(1, 100, 1000) == pytest.approx(57.72)
    assert longest_response(8192, 100, 1000) == pytest.approx(100 * 9.588, rel=1e-3)
    assert longest_response(8192, 10_000, 32_768) == 32_768


def run_plan(arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "r1", "plan", *arguments.split()]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_what_cannot_fit_is_refused_by_stage_and_reason() -> None:
    refused = run_plan(f"{QWEN.replace('1.5B', '32B')} --device h100")
    assert refused.returncode == 1
    assert "error: does not fit into a H100 SXM 80GB (--force plans on)" in refused.stderr
    assert "zero: " in refused.stderr and "of 72.0 GB usable; the most by optimizer" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert run_plan(f"{QWEN.replace('1.5B', '32B')} --device h100 --force").returncode == 0


def test_one_gpu_holds_a_small_model() -> None:
    assert not any(cost.lacks for cost in costs(*QWEN.split(), device="h100").values())


def test_a_colocated_engine_needs_room_for_one_response() -> None:
    small = ("rollout=vllm", "rl.rollout.gpu_memory_utilization=0.03")
    assert "raise gpu_memory_utilization" in costs(*QWEN.split(), *small, device="h100")["zero"].lacks


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("base.checkpoint=a/b offline=false", "base.checkpoint = 'a/b': its size is not known; known: Qwen2.5-0.5B"),
        ("zero.batch_size=3", "must be a multiple of num_generations"),
        ("teacher=gpt", "teacher = 'gpt': allowed"),
        ("--devices 0", "at least 1"),
        ("--fill 2", "above 0, at most 1"),
    ],
)
def test_wrong_wishes_are_refused_in_words(arguments: str, message: str) -> None:
    refused = run_plan(arguments)
    assert refused.returncode != 0
    assert message in refused.stderr and "Traceback" not in refused.stderr


def test_planning_needs_no_torch() -> None:
    run_alone(
        "import sys; import r1.planning.show as show; show.show_checks();"
        "show.show_plan([], 'cpu', 1, 'ddp', None, 0.5, 128, False);"
        "assert not {'torch', 'transformers', 'trl'} & set(sys.modules)"
    )


@pytest.mark.parametrize("device", ["h100", "a100"])
def test_the_gpu_profile_fits_one_gpu(device: str) -> None:
    planned = costs("profile=gpu", device=device)
    assert not any(cost.lacks for cost in planned.values())
    assert "base" not in planned, "its bases are checkpoints"
