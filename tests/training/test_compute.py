"""Options of training on a CPU: same results where they must be the same, near ones where they round, words else."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from r1.config.training import LoraConfig
from r1.finetuning.reward_model import train_reward_model
from r1.finetuning.sft import finetune
from r1.models.loading import load_model, load_tokenizer, save
from r1.models.policy import Policy
from r1.rl.settings import RlSettings
from r1.rl.train import train_rl
from r1.support.errors import ConfigurationError
from r1.training import compute
from r1.training.compute import CannotTrain, check_compute, lora_config, merged, weights_dtype
from r1.training.context import PLAIN, Trained, TrainingContext
from tests.conftest import compose
from tests.trainings import (
    EVERY,
    SMOKE,
    STEPS,
    Training,
    configured,
    context,
    dense,
    finetuned,
    killed_in,
    preferring,
    pretrained,
    reinforced,
)

pytestmark = pytest.mark.slow

LORA = LoraConfig(r=4, alpha=8, dropout=0.0, target_modules="all-linear")


def rl(base: Path, context: TrainingContext) -> Trained:
    return reinforced(base, context, learning_rate=1e-2 if context.training.lora else 1.5e-4)


trainings = pytest.mark.parametrize("training", [pretrained, finetuned, preferring, rl])


def fingerprint(model: PreTrainedModel) -> str:
    weights = (value.float().numpy().tobytes() for _, value in sorted(model.state_dict().items()))
    return hashlib.sha256(b"".join(weights)).hexdigest()


@pytest.fixture
def base(tiny_model: Path) -> Path:
    return dense(tiny_model)


@trainings
def test_gradient_checkpointing_changes_no_byte(training: Training, base: Path, tmp_path: Path) -> None:
    made = [
        fingerprint(training(base, context(tmp_path / str(kept), gradient_checkpointing=kept)).model)
        for kept in (False, True)
    ]
    assert made[0] == made[1]


@trainings
def test_bfloat16_computes_near_float32_on_float32_weights(training: Training, base: Path, tmp_path: Path) -> None:
    losses = {}
    for precision in ("none", "bf16"):
        trained = training(base, context(tmp_path / precision, mixed_precision=precision))
        assert {value.dtype for value in trained.model.state_dict().values()} == {torch.float32}
        log = pd.read_csv(tmp_path / precision / "curve.csv")
        losses[precision] = log["grad_norm" if training is rl else "loss"]
    difference = (losses["bf16"] - losses["none"]).abs()
    assert difference.max() > 0, "nothing was computed in bfloat16"
    # 8 bits of mantissa are 0.4 % a number. RL's rounded policy samples other completions after the first step.
    if training is rl:
        assert difference[0] < 0.1 * losses["none"][0]
    else:
        assert (difference < 0.02 * losses["none"]).all()


def test_updates_smaller_than_bfloat16_resolves_are_not_lost(base: Path, tmp_path: Path) -> None:
    before = load_model(base)
    examples = [{"prompt": "What is 1 + 0?", "completion": "<answer>1</answer>"}] * 8
    tiny = SMOKE.sft.model_copy(update={"epochs": 1, "learning_rate": 1e-6, "warmup_ratio": 0.0})
    after = finetune(Policy(base), examples, tiny, context(tmp_path, mixed_precision="bf16")).model
    name = "model.layers.0.mlp.up_proj.weight"
    old, new = before.state_dict()[name], after.state_dict()[name]
    moved = (old != new).float().mean()
    assert moved > 0.9 and ((old.bfloat16() != new.bfloat16()).float().mean() < 0.1)


@pytest.mark.parametrize("precision", ["none", "bf16"])
@pytest.mark.parametrize("training", [finetuned, preferring, rl])
def test_adapters_are_merged_into_an_ordinary_model(
    training: Training, precision: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    ids, seen = torch.tensor([[5, 6, 7, 8, 9, 10]]), {}

    def watched(model: Any) -> PreTrainedModel:
        trainable = sum(value.numel() for value in model.parameters() if value.requires_grad)
        seen["share"] = trainable / model.num_parameters()
        with torch.no_grad():
            seen["logits"] = model.float()(input_ids=ids).logits
            with model.disable_adapter():
                seen["start"] = model(input_ids=ids).logits
        return merged(model)

    for name in ("finetuning.sft", "finetuning.reward_model", "rl.train"):
        monkeypatch.setattr(f"r1.{name}.merged", watched)
    trained = training(base, context(tmp_path, lora=LORA, mixed_precision=precision))
    model = trained.model
    assert seen["share"] < 0.4, "that is not low rank"
    save(model, load_tokenizer(base), tmp_path / "model")
    assert not list((tmp_path / "model").glob("adapter*")) and AutoConfig.from_pretrained(tmp_path / "model")
    again = type(model).from_pretrained(tmp_path / "model", use_safetensors=True, dtype=torch.float32)
    assert {value.dtype for value in again.state_dict().values()} == {torch.float32}
    with torch.no_grad():
        logits = again(input_ids=ids).logits
    tolerance = 1e-5 if precision == "none" else 0.06  # adapters' logits were computed under bfloat16's autocast
    assert torch.allclose(logits, seen["logits"], atol=tolerance, rtol=tolerance)
    assert not torch.allclose(seen["logits"], seen["start"], atol=1e-5), "nothing was learned"
    if training is finetuned:
        assert trained.metrics["flops"] == 4 * model.num_parameters() * trained.metrics["tokens"]


@pytest.mark.parametrize("name", ["grpo", "dapo", "rloo", "reinforce_pp"])
def test_algorithms_train_adapters_and_know_how_far_they_moved(name: str, base: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    trained = reinforced(base, context(tmp_path, lora=LORA), rl=configured(name), learning_rate=1e-2)
    kl = pd.read_csv(tmp_path / "curve.csv")["kl"]
    assert kl.iloc[0] == pytest.approx(0, abs=1e-6) and abs(kl.iloc[-1]) > 1e-5
    assert fingerprint(trained.model) != fingerprint(load_model(base))


@pytest.mark.parametrize("step", [4, 7])
@pytest.mark.parametrize("training", [finetuned, reinforced])
def test_killed_adapters_end_as_undisturbed_ones(training: Training, step: int, base: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    if training is reinforced:
        training = partial(reinforced, rl=SMOKE.rl.model_copy(update={"checkpoint_steps": EVERY}), steps=STEPS)
    whole, killed = (context(tmp_path / name, lora=LORA) for name in ("whole", "killed"))
    undisturbed = fingerprint(training(base, whole).model)
    with killed_in(step):
        training(base, killed)
    assert list(killed.checkpoints.glob("checkpoint-*/adapter_model.safetensors"))
    assert fingerprint(training(base, killed).model) == undisturbed
    assert killed.curve.read_text() == whole.curve.read_text()


def test_frozen_weights_under_adapters_are_half_as_large(base: Path) -> None:
    for changes, dtype in (({"lora": LORA}, torch.bfloat16), ({}, torch.float32)):
        chosen = PLAIN.model_copy(update={"mixed_precision": "bf16", **changes})
        assert Policy(base).load(weights_dtype(chosen)).dtype == dtype


def test_all_weights_are_trained_unless_adapters_are_wanted() -> None:
    assert lora_config(PLAIN) is None
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen3", num_hidden_layers=1, hidden_size=8))
    assert merged(model) is model


MISSING = [
    ({"attention": "flash_attention_2", "mixed_precision": "bf16"}, "flash_attn", "flash-attn is not installed"),
    ({"liger": True}, "liger_kernel", "liger-kernel is not installed"),
    ({"lora": LORA}, "peft", "peft is not installed"),
]


@pytest.mark.parametrize(("chosen", "package", "message"), MISSING, ids=["flash attention", "liger", "lora"])
def test_a_missing_package_is_named_before_a_model_is_loaded(
    chosen: dict[str, Any], package: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "find_spec", lambda name: None if name == package else object())
    nowhere, here = Policy(tmp_path / "no model"), context(tmp_path, **chosen)
    with pytest.raises(CannotTrain, match=message):
        finetune(nowhere, [{"prompt": "a", "completion": "b"}], SMOKE.sft, here)
    with pytest.raises(CannotTrain, match=message):
        train_reward_model(nowhere, [], SMOKE.reward_model, here)
    with pytest.raises(CannotTrain, match=message):
        train_rl(nowhere, [], RlSettings(SMOKE.zero, SMOKE.rl), here)


def test_kernels_for_a_gpu_are_refused_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CannotTrain, match=r"training\.liger = true: its kernels need an NVIDIA GPU"):
        check_compute(PLAIN.model_copy(update={"liger": True}))
    with pytest.raises(CannotTrain, match="'flash_attention_2': its kernels need an NVIDIA GPU"):
        check_compute(PLAIN.model_copy(update={"attention": "flash_attention_2", "mixed_precision": "bf16"}))


def test_a_gpu_that_is_too_old_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    with pytest.raises(CannotTrain, match=r"'bf16': Tesla T4 does not compute in bfloat16"):
        check_compute(PLAIN.model_copy(update={"mixed_precision": "bf16"}))
    with pytest.raises(CannotTrain, match=r"compute capability 8\.0"):
        check_compute(PLAIN.model_copy(update={"attention": "flash_attention_2", "mixed_precision": "bf16"}))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("training.mixed_precision=fp16",), "training.mixed_precision = 'fp16'"),
        (("training.attention=flash_attention_2",), "set mixed_precision to bf16"),
        (("lora=all_linear", "rl/algorithm=ppo"), "training.lora: PPO's critic trains all weights"),
        (("lora=all_linear",), "rl.algorithm.ref_model_sync_steps = 50: with training.lora"),
        (("lora=all_linear", "training.lora.r=0"), "training.lora.r = 0"),
        (("lora=all_linear", "training.lora.target_modules=[]"), "training.lora.target_modules"),
    ],
)
def test_impossible_options_fail_in_words(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        compose(*overrides)


def test_adapters_compose() -> None:
    chosen = compose("lora=all_linear", "rl.algorithm.ref_model_sync_steps=1000").training.lora
    assert chosen is not None and chosen.target_modules == "all-linear"
    assert compose().training == PLAIN
