"""What a model makes of given texts, token by token."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.models.turns import encode_example

_LOGITS = 2**22
"""Logits of the tokens that pass through the model at a time, padding included; a longer text passes alone."""


@dataclass(frozen=True)
class Encoded:
    """A text as the model reads it.

    Attributes:
        ids: [length] token ids.
        start: the first token whose probability is asked for.
    """

    ids: list[int]
    start: int


@dataclass(frozen=True)
class Scores:
    """Of each token asked for, [tokens], in nats.

    Attributes:
        logp: its log-probability.
        entropy: of the distribution that it was drawn from.
        spread: standard deviation of the log-probability in that distribution.
    """

    logp: np.ndarray
    entropy: np.ndarray
    spread: np.ndarray


def documents(policy: Policy, texts: Iterable[str]) -> list[Encoded]:
    """Texts as pretraining reads them, with the end token; the first token has no context and is not asked for."""
    tokenizer = policy.tokenizer
    return [_fitted(policy, [*tokenizer(text)["input_ids"], tokenizer.eos_token_id], 1) for text in texts]


def completions(policy: Policy, rows: Sequence[dict[str, Any]]) -> list[Encoded]:
    """Rows of `prompt` and `completion` in the model's own chat template; the completion's tokens are asked for."""
    encoded = []
    for row in rows:
        example = encode_example(policy.tokenizer, as_messages(row["prompt"]), row["completion"])
        encoded.append(_fitted(policy, example["input_ids"], example["completion_mask"].index(1)))
    return encoded


def score(policy: Policy, texts: Sequence[Encoded]) -> list[Scores]:
    """Read texts with a model, those of similar length together; in the order given."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = policy.load().eval().to(device)
    limit = _LOGITS // model.config.get_text_config().vocab_size
    found: dict[int, Scores] = {}
    for batch in _batches(texts, limit):
        width = max(len(texts[number].ids) for number in batch)
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, number in enumerate(batch):
            ids[row, : len(texts[number].ids)] = torch.tensor(texts[number].ids)
            mask[row, : len(texts[number].ids)] = 1
        with torch.inference_mode():
            logps = (
                model(input_ids=ids.to(device), attention_mask=mask.to(device))
                .logits[:, :-1]
                .cpu()
                .float()
                .log_softmax(-1)
            )
            shares = logps.exp()
            mean = (shares * logps).sum(-1)
            spread = (shares * (logps - mean[..., None]).square()).sum(-1).sqrt()
            chosen = logps.gather(-1, ids[:, 1:, None])[..., 0]
        for row, number in enumerate(batch):
            asked = slice(texts[number].start - 1, len(texts[number].ids) - 1)
            found[number] = Scores(*(values[row, asked].numpy().copy() for values in (chosen, -mean, spread)))
    return [found[number] for number in range(len(texts))]


def _fitted(policy: Policy, ids: list[int], start: int) -> Encoded:
    """Cut after the context; a prompt that fills it leaves one token."""
    limit = policy.context_length or len(ids)
    return Encoded(ids[:limit], min(start, limit - 1))


def _batches(texts: Sequence[Encoded], limit: int) -> Iterable[list[int]]:
    batch: list[int] = []
    for number in sorted(range(len(texts)), key=lambda one: len(texts[one].ids)):
        if batch and (len(batch) + 1) * len(texts[number].ids) > limit:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
