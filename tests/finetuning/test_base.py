"""Bases: made here, or a checkpoint that exists under the configuration's chat template."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from r1.config.models import BaseConfig
from r1.finetuning.base import adopt_checkpoint, train_base
from r1.models.chat import TEMPLATES, WORKED_EXAMPLES, as_messages, without_examples
from r1.models.loading import BrokenCheckpoint, load_model, load_tokenizer
from r1.models.policy import Policy
from r1.models.template_trial import BrokenTemplate
from r1.support.artifacts import content_hash
from tests.trainings import SMOKE, context, dense

pytestmark = pytest.mark.slow


def existing(checkpoint: Path, **changes: Any) -> BaseConfig:
    """The configuration of a base that exists, under its own template if nothing else is said."""
    values = {"architecture": None, "pretraining": None, "chat_template": None, "worked_examples": 0, **changes}
    return BaseConfig(checkpoint=str(checkpoint), **values)


def test_an_existing_base_is_taken_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    curve = tmp_path / "curve.csv"
    trained, inputs = adopt_checkpoint(existing(tiny_model), curve)
    assert inputs == {str(tiny_model): content_hash(tiny_model)}
    original = load_model(tiny_model)
    pairs = zip(trained.model.parameters(), original.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    assert trained.tokenizer.chat_template == load_tokenizer(tiny_model).chat_template == TEMPLATES["r1_zero_short"]
    parameters = original.num_parameters()
    assert trained.metrics == {"parameters": parameters, "seconds": 0.0}
    assert trained.counts == {"parameters": parameters}
    assert curve.read_text() == "step,loss\n", "DVC wants the files that dvc.yaml declares"
    trained.save(tmp_path / "model")
    assert Policy(tmp_path / "model").load().num_parameters() == parameters


def test_the_configuration_s_template_replaces_the_checkpoint_s(tiny_model: Path, tmp_path: Path) -> None:
    trained, _ = adopt_checkpoint(existing(dense(tiny_model), chat_template="chat"), tmp_path / "curve.csv")
    assert trained.tokenizer.chat_template == TEMPLATES["chat"]


def test_worked_examples_open_the_checkpoint_s_own_template(tiny_model: Path, tmp_path: Path) -> None:
    own = load_tokenizer(dense(tiny_model)).get_chat_template()
    trained, _ = adopt_checkpoint(existing(tiny_model, worked_examples=1), tmp_path / "curve.csv")
    shown = str(trained.tokenizer.apply_chat_template(as_messages("What is 5 + 5?"), tokenize=False))
    assert WORKED_EXAMPLES[0][0] in shown and WORKED_EXAMPLES[1][0] not in shown and "What is 5 + 5?" in shown
    assert without_examples(trained.tokenizer.get_chat_template()) == own


def test_a_template_that_cannot_be_used_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    model, tokenizer = shutil.copytree(dense(tiny_model), tmp_path / "model"), load_tokenizer(tiny_model)
    tokenizer.chat_template = "You are a helpful assistant."
    tokenizer.save_pretrained(model)
    with pytest.raises(BrokenTemplate, match="leaves the question out"):
        adopt_checkpoint(existing(model, worked_examples=1), tmp_path / "curve.csv")
    assert not (tmp_path / "curve.csv").exists()
    adopt_checkpoint(existing(model, chat_template="chat"), tmp_path / "curve.csv")


def test_a_base_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenCheckpoint, match="no such file or directory"):
        adopt_checkpoint(existing(tmp_path / "nowhere"), tmp_path / "curve.csv")


def test_a_base_is_made_with_a_tokenizer_of_its_own(tmp_path: Path) -> None:
    assert SMOKE.base.pretraining is not None
    few = {"max_steps": 2, "batch_size": 4, "micro_batch_size": 4, "vocab_size": 300}
    config = SMOKE.base.model_copy(update={"pretraining": SMOKE.base.pretraining.model_copy(update=few)})
    texts = [f"What is {n} + {n}? It is {2 * n}." for n in range(200)]
    trained = train_base(texts, config, context(tmp_path))
    assert len(trained.tokenizer) == trained.model.config.vocab_size <= 300
    assert config.chat_template is not None and trained.tokenizer.chat_template == TEMPLATES[config.chat_template]
    assert trained.counts == {"parameters": trained.model.num_parameters()} and trained.metrics["steps"] == 2
