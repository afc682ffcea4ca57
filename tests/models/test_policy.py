"""A policy: a model directory whose tokenizer is read once, and what training starts from."""

from pathlib import Path

import pytest
import torch

from r1.models import policy as module
from r1.models.chat import as_messages
from r1.models.loading import load_tokenizer
from r1.models.policy import Policy, Untrained
from tests.conftest import compose


def test_the_tokenizer_is_read_once(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(path: Path) -> object:
        read.append(path)
        return load_tokenizer(path)

    monkeypatch.setattr(module, "load_tokenizer", counted)
    policy = Policy(tiny_model)
    assert read == [], "not before it is asked for"
    policy.prompt_ids([as_messages("What is 1 + 1?")])
    assert policy.tokenizer is policy.tokenizer and policy.tokenizer.padding_side == "left"
    policy.prompt_ids([as_messages("What is 2 + 2?")])
    assert read == [tiny_model]


def test_nothing_is_read_of_a_policy_that_is_not_asked(tmp_path: Path) -> None:
    assert Policy(tmp_path / "nowhere") == Policy(tmp_path / "nowhere")


def test_a_policy_knows_its_kind_and_its_context(tiny_model: Path) -> None:
    policy = Policy(tiny_model)
    assert policy.model_type == ("deepseek_v3" if tiny_model.parent.name.startswith("deepseek") else "qwen3")
    assert policy.context_length == policy.load().config.max_position_embeddings


def test_prompts_end_where_the_assistant_speaks(tiny_model: Path) -> None:
    policy = Policy(tiny_model)
    one, two = policy.prompt_ids([as_messages("What is 1 + 1?"), as_messages("What is 2 + 2 + 2?")])
    assert str(policy.tokenizer.decode(one)).endswith("User: What is 1 + 1?\nAssistant:\n")
    assert len(two) > len(one), "nothing is padded"


def test_each_load_is_a_copy_of_its_own(tiny_model: Path) -> None:
    policy = Policy(tiny_model)
    one, two = policy.load(), policy.load()
    with torch.no_grad():
        next(one.parameters()).fill_(7.0)
    assert not (next(two.parameters()) == 7.0).any()
    assert policy.load(torch.bfloat16).dtype == torch.bfloat16


def test_a_critic_values_every_token_at_0_until_it_has_learnt(tiny_model: Path) -> None:
    policy = Policy(tiny_model)
    critic, ids = policy.load_critic(), torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        values = critic(input_ids=ids).logits
    assert values.shape == (1, 3, 1) and not values.any()
    backbone, own = policy.load().state_dict(), critic.state_dict()
    assert all(torch.equal(own[name], value) for name, value in backbone.items() if name in own)


def test_an_untrained_model_has_the_same_random_weights_per_call(tiny_model: Path) -> None:
    architecture, tokenizer = compose("profile=smoke").base.architecture, load_tokenizer(tiny_model)
    assert architecture is not None
    first, again, other = (Untrained(architecture, tokenizer, seed).load("eager").state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())
    assert Untrained(architecture, tokenizer, 0).load("eager").config._attn_implementation == "eager"
