"""Supervised fine-tuning: it learns, and what it cuts off is told."""

from pathlib import Path

import pandas as pd
import pytest

from r1.finetuning.sft import FinetuneTrainer, finetune
from r1.models.policy import Policy
from r1.support.errors import UserError
from tests.trainings import SMOKE, context

pytestmark = pytest.mark.slow


def test_sft_learns_its_examples_and_changes_the_template(tiny_model: Path, tmp_path: Path) -> None:
    examples = [{"prompt": f"What is {n} + 0?", "completion": f"<answer>{n}</answer>"} for n in range(8)]
    settings = SMOKE.sft.model_copy(update={"epochs": 24, "learning_rate": 3e-3})
    trained = finetune(Policy(tiny_model), examples, settings, context(tmp_path))
    losses = pd.read_csv(tmp_path / "curve.csv")["loss"]
    assert losses.iloc[-1] < 0.7 * losses.iloc[0]
    assert "Think first" not in trained.tokenizer.chat_template
    assert trained.metrics["examples"] == 8 and trained.metrics["truncated_examples"] == 0
    assert trained.counts == {"examples": 8}


def test_micro_batches_by_length_train_as_trls_do(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses and gradients are those of padded micro-batches, also where an epoch ends with a smaller step."""
    examples = [{"prompt": f"What is {n} + 0?", "completion": f"<answer>{n}</answer>" * (1 + n % 4)} for n in range(20)]
    settings = SMOKE.sft.model_copy(update={"epochs": 2, "batch_size": 8, "micro_batch_size": 2})
    curves = {}
    for name in ("trl", "sorted", "packed"):
        folder = tmp_path / name
        with monkeypatch.context() as patch:
            if name == "trl":
                patch.delattr(FinetuneTrainer, "get_batch_samples")
            finetune(Policy(tiny_model), examples, settings, context(folder, packing=name == "packed"))
        curves[name] = pd.read_csv(folder / "curve.csv")[["loss", "grad_norm", "num_tokens"]]
    assert len(curves["trl"]) == 6
    for name in ("sorted", "packed"):
        assert (curves[name] - curves["trl"]).abs().max().max() < 1e-3, curves
    assert not curves["sorted"].equals(curves["trl"])


def test_examples_that_are_cut_off_are_counted(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, here = Policy(tiny_model), context(tmp_path)
    short, long = ({"prompt": "What is 1 + 0?", "completion": "1 " * n} for n in (1, 300))
    assert finetune(policy, [short] * 7 + [long], SMOKE.sft, here).metrics["truncated_examples"] == 1
    assert "warning: 1 of 8 examples are truncated at max_length = 224" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"all 2 examples are longer than max_length = 224 tokens \(the shortest has"):
        finetune(policy, [long] * 2, SMOKE.sft, here)


def test_nothing_to_learn_is_said_before_a_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no examples to fine-tune on"):
        finetune(Policy(tmp_path / "no model"), [], SMOKE.sft, context(tmp_path))
