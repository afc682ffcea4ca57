"""Regrouped micro-batches have the same examples, and the log-probability of every labelled token."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from r1.finetuning.packing import IGNORED, PACKS, check_packing, regrouped
from r1.support.errors import UserError

PAD, TOKENS = 0, 40
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": TOKENS,
    "max_position_embeddings": 64,
}
LATENT: dict[str, Any] = {
    "num_key_value_heads": 4,
    "moe_intermediate_size": 16,
    "first_k_dense_replace": 1,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
}


def model_of(architecture: str, attention: str) -> Any:
    config = AutoConfig.for_model(architecture, **{**SIZES, **(LATENT if architecture == "deepseek_v3" else {})})
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=torch.float32).eval()


def step(lengths: list[list[int]], seed: int = 0) -> list[dict[str, Tensor]]:
    """A step's micro-batches as TRL collates them: the first half of an example is a prompt, without labels."""
    random, batches = torch.Generator().manual_seed(seed), []
    for rows in lengths:
        shape = (len(rows), max(rows))
        ids = torch.randint(1, TOKENS, shape, generator=random)
        mask = (torch.arange(shape[1]) < torch.tensor(rows)[:, None]).long()
        completion = torch.arange(shape[1]) >= torch.tensor(rows)[:, None] // 2
        labels = ids.masked_fill(~(mask.bool() & completion), IGNORED)
        batches.append({"input_ids": ids.masked_fill(mask == 0, PAD), "labels": labels, "attention_mask": mask})
    return batches


LENGTHS = [[3, 17, 5, 2], [9, 4, 16, 1], [2, 2, 8, 3]]


def log_probabilities(model: Any, batch: dict[str, Any]) -> list[float]:
    """Of each labelled token, in any order; without a cache, as TRL trains."""
    inputs = {key: value for key, value in batch.items() if key in ("input_ids", "attention_mask", "position_ids")}
    with torch.no_grad():
        logps = model(**inputs, use_cache=False).logits[:, :-1].log_softmax(dim=-1)
    labels = batch["labels"][:, 1:]
    chosen = logps.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return [float(value) for value in chosen[labels != IGNORED]]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("architecture", PACKS)
def test_tokens_have_the_same_log_probabilities(architecture: str, attention: str) -> None:
    model, batches = model_of(architecture, attention), step(LENGTHS)
    expected = sorted(value for batch in batches for value in log_probabilities(model, batch))
    for packing in (False, True):
        groups = regrouped(batches, PAD, packing)
        found = sorted(value for batch in groups for value in log_probabilities(model, batch))
        assert found == pytest.approx(expected, abs=1e-5)


def test_the_comparison_sees_attention_across_examples() -> None:
    model, batches = model_of("qwen3", "sdpa"), step(LENGTHS)
    expected = sorted(value for batch in batches for value in log_probabilities(model, batch))
    across = [{**batch, "position_ids": None} for batch in regrouped(batches, PAD, packing=True)]
    found = sorted(value for batch in across for value in log_probabilities(model, batch))
    assert max(abs(one - other) for one, other in zip(found, expected, strict=True)) > 1e-3


@pytest.mark.parametrize("packing", [False, True])
def test_a_step_keeps_its_examples_and_micro_batches(packing: bool) -> None:
    batches = step(LENGTHS)
    groups = regrouped(batches, PAD, packing)
    assert len(groups) == len(batches)
    labelled: Callable[[dict[str, Tensor]], int] = lambda batch: int((batch["labels"][:, 1:] != IGNORED).sum())  # noqa: E731
    assert sum(map(labelled, groups)) == sum(map(labelled, batches))
    needed = sum(map(sum, LENGTHS))
    widths = [batch["input_ids"].numel() for batch in groups]
    if packing:
        assert sum(widths) == needed and all(len(batch["input_ids"]) == 1 for batch in groups)
    else:
        assert needed < sum(widths) < sum(batch["input_ids"].numel() for batch in batches)
        assert max(widths) <= max(batch["input_ids"].numel() for batch in batches)


def test_packed_examples_by_hand() -> None:
    (batch,) = regrouped(step([[2, 3]]), PAD, packing=True)
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert batch["cu_seq_lens_q"].tolist() == [0, 3, 5] and batch["max_length_q"] == 3
    assert batch["labels"][0, [0, 3]].tolist() == [IGNORED, IGNORED] and "attention_mask" not in batch


def test_an_architecture_that_was_not_tested_is_refused() -> None:
    check_packing("qwen3")
    with pytest.raises(UserError, match=r"training\.packing = true: tested with qwen2, qwen3, llama, deepseek_v3, not"):
        check_packing("mamba")
