"""Options of training on a CPU: same results where they must be the same, near ones where they round, words else."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from r1.config.training import LoraConfig, TrainingConfig
from r1.finetuning.pretrain import pretrain
from r1.finetuning.reward_model import train_reward_model
from r1.finetuning.sft import finetune
from r1.models.loading import from_scratch, load_model, load_tokenizer, save
from r1.rl.train import train_rl
from r1.support.errors import ConfigurationError
from r1.training import options as module
from r1.training.compute import PLAIN, CannotTrain, adapters, load_policy, merged, require
from tests.conftest import compose
from tests.rl.test_train import brevity, configured, dense
from tests.rl.test_train import run as run_rl
from tests.training.test_checkpoints import EVERY, SMOKE, STEPS, killed_in

LORA = LoraConfig(r=4, alpha=8, dropout=0.0, target_modules="all-linear")


def options(**changes: Any) -> TrainingConfig:
    return PLAIN.model_copy(update=changes)


def sft(base: Path, tmp_path: Path, chosen: TrainingConfig) -> tuple[PreTrainedModel, dict[str, Any]]:
    examples = [{"prompt": f"What is {n} + 0?", "completion": f"<answer>{n}</answer>"} for n in range(20)]
    settings = SMOKE.sft.model_copy(update={"epochs": 3, "micro_batch_size": 4, "checkpoint_steps": EVERY})
    model, _, metrics = finetune(base, examples, settings, 0, tmp_path / "curve.csv", tmp_path / "checkpoints", chosen)
    return model, metrics


def reward(base: Path, tmp_path: Path, chosen: TrainingConfig) -> tuple[PreTrainedModel, dict[str, Any]]:
    pairs = [{"prompt": f"What is {n}?", "chosen": f"It is {n}.", "rejected": "No."} for n in range(20)]
    settings = SMOKE.reward_model.model_copy(update={"epochs": 3})
    model, _, metrics = train_reward_model(
        base, pairs, settings, 0, tmp_path / "curve.csv", tmp_path / "checkpoints", chosen
    )
    return model, metrics


def scratch(base: Path, tmp_path: Path, chosen: TrainingConfig) -> tuple[PreTrainedModel, dict[str, Any]]:
    tokenizer, settings = load_tokenizer(base), SMOKE.base.pretraining
    assert SMOKE.base.architecture is not None and settings is not None
    model = from_scratch(SMOKE.base.architecture, tokenizer, 0)
    few = settings.model_copy(update={"max_steps": STEPS, "batch_size": 8, "micro_batch_size": 4})
    texts = [f"What is {n} + 1?" for n in range(50)]
    files = tmp_path / "curve.csv", tmp_path / "checkpoints"
    return pretrain(model, tokenizer, texts, few, 0, *files, chosen)


def rl(base: Path, tmp_path: Path, chosen: TrainingConfig) -> tuple[PreTrainedModel, dict[str, Any]]:
    result = run_rl(base, brevity, tmp_path, learning_rate=1e-2 if chosen.lora else 1.5e-4, options=chosen)
    return result.model, result.metrics


trainings = pytest.mark.parametrize("training", [scratch, sft, reward, rl])


def fingerprint(model: PreTrainedModel) -> str:
    weights = (value.float().numpy().tobytes() for _, value in sorted(model.state_dict().items()))
    return hashlib.sha256(b"".join(weights)).hexdigest()


@pytest.fixture
def base(tiny_model: Path) -> Path:
    return dense(tiny_model)


@trainings
def test_gradient_checkpointing_changes_no_byte(training: Any, base: Path, tmp_path: Path) -> None:
    made = [
        fingerprint(training(base, tmp_path / str(kept), options(gradient_checkpointing=kept))[0])
        for kept in (False, True)
    ]
    assert made[0] == made[1]


@trainings
def test_bfloat16_computes_near_float32_on_float32_weights(training: Any, base: Path, tmp_path: Path) -> None:
    losses = {}
    for precision in ("none", "bf16"):
        model, _ = training(base, tmp_path / precision, options(mixed_precision=precision))
        assert {value.dtype for value in model.state_dict().values()} == {torch.float32}
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
    chosen = options(mixed_precision="bf16")
    after, _, _ = finetune(base, examples, tiny, 0, tmp_path / "curve.csv", tmp_path / "checkpoints", chosen)
    name = "model.layers.0.mlp.up_proj.weight"
    old, new = before.state_dict()[name], after.state_dict()[name]
    moved = (old != new).float().mean()
    assert moved > 0.9 and ((old.bfloat16() != new.bfloat16()).float().mean() < 0.1)


@pytest.mark.parametrize("precision", ["none", "bf16"])
@pytest.mark.parametrize("training", [sft, reward, rl])
def test_adapters_are_merged_into_an_ordinary_model(
    training: Any, precision: Any, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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

    for name in ("sft", "reward_model", "rl"):
        monkeypatch.setattr(f"r1.training.{name}.merged", watched)
    model, metrics = training(base, tmp_path, options(lora=LORA, mixed_precision=precision))
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
    if training is sft:
        assert metrics["flops"] == 4 * model.num_parameters() * metrics["tokens"]


@pytest.mark.parametrize("name", ["grpo", "dapo", "rloo", "reinforce_pp"])
def test_algorithms_train_adapters_and_know_how_far_they_moved(name: str, base: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    result = run_rl(base, brevity, tmp_path, configured(name), learning_rate=1e-2, options=options(lora=LORA))
    kl = pd.read_csv(tmp_path / "curve.csv")["kl"]
    assert kl.iloc[0] == pytest.approx(0, abs=1e-6) and abs(kl.iloc[-1]) > 1e-5
    assert fingerprint(result.model) != fingerprint(load_model(base))


@pytest.mark.parametrize("step", [4, 7])
@pytest.mark.parametrize("training", [sft, rl])
def test_killed_adapters_end_as_undisturbed_ones(training: Any, step: int, base: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    chosen = options(lora=LORA)
    if training is rl:
        shared = SMOKE.rl.model_copy(update={"checkpoint_steps": EVERY})

        def training(base: Path, out: Path, chosen: TrainingConfig) -> tuple[PreTrainedModel, dict[str, Any]]:
            result = run_rl(base, brevity, out, shared, steps=STEPS, options=chosen)
            return result.model, result.metrics

    whole = fingerprint(training(base, tmp_path / "whole", chosen)[0])
    with killed_in(step):
        training(base, tmp_path / "killed", chosen)
    assert list((tmp_path / "killed" / "checkpoints").glob("checkpoint-*/adapter_model.safetensors"))
    assert fingerprint(training(base, tmp_path / "killed", chosen)[0]) == whole
    curves = [(tmp_path / name / "curve.csv").read_text() for name in ("whole", "killed")]
    assert curves[0] == curves[1]


def test_frozen_weights_under_adapters_are_half_as_large(base: Path) -> None:
    assert load_policy(base, options(mixed_precision="bf16", lora=LORA)).dtype == torch.bfloat16
    assert load_policy(base, options(mixed_precision="bf16")).dtype == torch.float32


def test_all_weights_are_trained_unless_adapters_are_wanted() -> None:
    assert adapters(PLAIN) is None
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen3", num_hidden_layers=1, hidden_size=8))
    assert merged(model) is model


MISSING = [
    (options(attention="flash_attention_2", mixed_precision="bf16"), "flash_attn", "flash-attn is not installed"),
    (options(liger=True), "liger_kernel", "liger-kernel is not installed"),
    (options(lora=LORA), "peft", "peft is not installed"),
]


@pytest.mark.parametrize(("chosen", "package", "message"), MISSING, ids=["flash attention", "liger", "lora"])
def test_a_missing_package_is_named_before_a_model_is_loaded(
    chosen: TrainingConfig, package: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == package else object())
    nowhere, files = tmp_path / "no model", (tmp_path / "curve.csv", tmp_path / "checkpoints")
    with pytest.raises(CannotTrain, match=message):
        finetune(nowhere, [{"prompt": "a", "completion": "b"}], SMOKE.sft, 0, *files, chosen)
    with pytest.raises(CannotTrain, match=message):
        train_reward_model(nowhere, [], SMOKE.reward_model, 0, *files, chosen)
    with pytest.raises(CannotTrain, match=message):
        train_rl(nowhere, [], SMOKE.zero, SMOKE.rl, ([], []), 0, *files, chosen)


def test_kernels_for_a_gpu_are_refused_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CannotTrain, match=r"training\.liger = true: its kernels need an NVIDIA GPU"):
        require(options(liger=True))
    with pytest.raises(CannotTrain, match="'flash_attention_2': its kernels need an NVIDIA GPU"):
        require(options(attention="flash_attention_2", mixed_precision="bf16"))


def test_a_gpu_that_is_too_old_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    with pytest.raises(CannotTrain, match=r"'bf16': Tesla T4 does not compute in bfloat16"):
        require(options(mixed_precision="bf16"))
    with pytest.raises(CannotTrain, match=r"compute capability 8\.0"):
        require(options(attention="flash_attention_2", mixed_precision="bf16"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("training.mixed_precision=fp16",), "training.mixed_precision = 'fp16'"),
        (("training.attention=flash_attention_2",), "set mixed_precision to bf16"),
        (("lora=all_linear", "rl/algorithm=ppo"), "training.lora: PPO's critic is trained whole"),
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
