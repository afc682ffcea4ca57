"""Generation by transformers without computing rows that have ended.

transformers computes every row of a batch, and copies its cache, until the longest row has ended. Here a batch is
generated in segments, and rows that have ended leave batch and cache between two of them. What is sampled has the
same distribution; from the second segment on it is drawn with other random numbers.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

SEGMENT = 8
"""Tokens between two cuts: each costs the overhead of a call, about that of one token of a small model."""


def generate_shrinking(
    generate: Callable[..., Any],
    *,
    input_ids: Tensor,
    attention_mask: Tensor,
    generation_config: GenerationConfig,
    **options: Any,
) -> Tensor:
    """Do what a model's `generate` does with these arguments; not for stop strings, nor for sharded models.

    The processes of a sharded model would need equally many forward passes.

    Args:
        generate: the model's own.
        input_ids, attention_mask: prompts, [batch, prompt], padded on the left.
        generation_config: with eos_token_id, pad_token_id and max_new_tokens.
        options: passed on.

    Returns:
        Prompts and completions, [batch, prompt + longest completion], padded after a completion's end token.
    """
    config = deepcopy(generation_config)
    config.return_dict_in_generate = True
    ends = torch.tensor(config.eos_token_id, device=input_ids.device).flatten()
    limit, width = config.max_new_tokens, input_ids.shape[1]
    completions = input_ids.new_full((len(input_ids), limit), config.pad_token_id)
    rows, made, ids, mask, cache = (
        torch.arange(len(input_ids), device=input_ids.device),
        0,
        input_ids,
        attention_mask,
        None,
    )
    while len(rows) and made < limit:
        config.max_new_tokens = min(SEGMENT, limit - made)
        done = generate(input_ids=ids, attention_mask=mask, past_key_values=cache, generation_config=config, **options)
        new, cache = done.sequences[:, width + made :], done.past_key_values
        completions[rows, made : made + new.shape[1]] = new
        made += new.shape[1]
        going = ~torch.isin(new, ends).any(dim=1)
        rows, ids = rows[going], done.sequences[going]
        mask = torch.cat([mask, mask.new_ones(new.shape)], dim=1)[going]
        if cache is not None and not going.all():
            cache.batch_select_indices(going.nonzero().flatten())
    return torch.cat([input_ids, completions[:, :made]], dim=1)
