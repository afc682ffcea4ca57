"""Rows that have ended are not computed, and nothing else differs from transformers' own generation."""

from typing import Any

import pytest
import torch
from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM

from r1.models.generation import SEGMENT, generate_shrinking

PAD, ENDS, ROWS, WIDTH = 0, [1, 2], 24, 7
LIMIT = 4 * SEGMENT + 3


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = Qwen3Config(vocab_size=48, num_key_value_heads=1, head_dim=8, initializer_range=0.5, **shape)
    return Qwen3ForCausalLM(config).eval()


def arguments(sample: bool, limit: int = LIMIT) -> dict[str, Any]:
    """Prompts of several lengths, padded on the left."""
    torch.manual_seed(1)
    mask = (torch.arange(WIDTH) >= torch.randint(0, WIDTH, (ROWS, 1))).long()
    ids = torch.randint(3, 48, (ROWS, WIDTH)) * mask
    options = {"do_sample": sample, "eos_token_id": ENDS, "pad_token_id": PAD, "max_new_tokens": limit}
    return {"input_ids": ids, "attention_mask": mask, "generation_config": GenerationConfig(**options)}


def kept(output: torch.Tensor) -> list[list[int]]:
    """Completions up to their first end token, as TRL reads them."""
    rows = output[:, WIDTH:].tolist()
    return [row[: next((at for at, token in enumerate(row) if token in ENDS), LIMIT) + 1] for row in rows]


@pytest.mark.parametrize("limit", [1, SEGMENT, SEGMENT + 1, LIMIT])
def test_greedy_completions_are_those_of_transformers(limit: int, model: Any) -> None:
    stock, ours = (
        model.generate(**arguments(False, limit)),
        generate_shrinking(model.generate, **arguments(False, limit)),
    )
    assert kept(stock) == kept(ours)
    assert stock.shape == ours.shape


def test_the_first_segment_is_drawn_with_the_same_random_numbers(model: Any) -> None:
    drawn = []
    for generate in (model.generate, lambda **given: generate_shrinking(model.generate, **given)):
        given = arguments(True)
        torch.manual_seed(2)
        drawn.append(generate(**given)[:, : WIDTH + SEGMENT])
    assert torch.equal(*drawn)


def test_rows_that_have_ended_are_not_computed(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    forward = model.forward

    def counted(input_ids: torch.Tensor, **given: Any) -> Any:
        computed.append(len(input_ids))
        return forward(input_ids=input_ids, **given)

    monkeypatch.setattr(model, "forward", counted)
    given = arguments(True)
    torch.manual_seed(3)
    lengths = [len(row) for row in kept(generate_shrinking(model.generate, **given))]
    assert len(set(lengths)) > 3, "the prompts must end at several lengths for this test to say anything"
    for made, rows in enumerate(computed):
        assert rows == sum(length > made // SEGMENT * SEGMENT for length in lengths)
