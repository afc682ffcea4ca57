"""Preference rewards of the final RL stage: a helpful and a harmless reward model (paper section 2.3.4)."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from r1.models.chat import as_messages
from r1.models.lengths import cut
from r1.models.loading import load_tokenizer, sampling_dtype
from r1.models.sharding import shard
from r1.rewards.common import Completions, texts
from r1.rewards.response import parse_response
from r1.support.processes import sharded_by

BATCH_TOKENS = 16_384
"""Tokens scored at a time, padding included: a full step's would fill a GPU that also trains. The planner counts it."""


class RewardModel:
    """A sequence classifier with one output, trained on preference pairs.

    It is placed on this process's GPU, or shared out over all processes under FSDP2, when it first scores: by then
    the trainer has started them.
    """

    def __init__(self, directory: Path) -> None:
        self.tokenizer = load_tokenizer(directory)
        self.tokenizer.padding_side = "right"
        self._loaded: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
            directory, use_safetensors=True, trust_remote_code=False, dtype=sampling_dtype()
        ).eval()
        self._sharded = sharded_by() == "fsdp2"

    @cached_property
    def model(self) -> PreTrainedModel:
        """The classifier, where it computes."""
        if self._sharded:
            return shard(self._loaded)
        return self._loaded.to("cuda") if torch.cuda.is_available() else self._loaded  # type: ignore[arg-type]

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """Preference score of each prompt and response, unbounded; only differences are meaningful.

        Under FSDP2 every process must call it equally often, with as many pairs as it has.
        """
        pairs = [as_messages(prompt, response) for prompt, response in zip(prompts, responses, strict=True)]
        rows = self._encode(pairs) if pairs else []
        scores = [0.0] * len(rows)
        batches = cut([(0, len(row)) for row in rows], BATCH_TOKENS)
        idle = self._most_batches(len(batches)) - len(batches)
        for batch in batches:
            for index, score in zip(batch, self._score([rows[index] for index in batch]), strict=True):
                scores[index] = score
        for _ in range(idle):
            self._score([[0]])  # gathers weights for the processes that still score
        return scores

    def _encode(self, conversations: list[list[dict[str, str]]]) -> list[list[int]]:
        limit = self._loaded.config.max_position_embeddings
        encoded: Any = self.tokenizer.apply_chat_template(
            conversations, tokenize=True, truncation=True, max_length=limit, return_dict=True
        )
        return encoded["input_ids"]  # type: ignore[no-any-return]

    @torch.no_grad()
    def _score(self, rows: list[list[int]]) -> list[float]:
        encoded = self.tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(self.model.device)
        logits: torch.Tensor = self.model(**encoded).logits[:, 0]
        return [float(value) for value in logits]

    def _most_batches(self, own: int) -> int:
        """The largest number of batches of any process that shares the model."""
        if not self._sharded:
            return own
        most = torch.tensor(own, device=self.model.device)
        distributed.all_reduce(most, distributed.ReduceOp.MAX)
        return int(most)


class PreferenceReward:
    """Scores responses to general prompts: the helpful model scores the summary only, the harmless model all of it."""

    __name__ = "preference_reward"

    def __init__(self, helpful: Path, harmless: Path) -> None:
        self.directories = {"helpful": helpful, "harmless": harmless}
        self.models = {kind: RewardModel(directory) for kind, directory in self.directories.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        """The directories: whoever unpickles it loads the models on a device of its own."""
        return PreferenceReward, (self.directories["helpful"], self.directories["harmless"])

    def __call__(
        self, *, completions: Completions, prompts: Sequence[Any], kind: Sequence[str], **_: Any
    ) -> list[float | None]:
        """Preference score where `kind` is helpful or harmless, None where it is empty (reasoning prompts).

        Args:
            completions: [batch].
            prompts: [batch], conversations that end with the user's question.
            kind: [batch], which model scores the response.
        """
        rewards: list[float | None] = [None] * len(completions)
        responses, questions = texts(completions), [prompt[-1]["content"] for prompt in prompts]
        for name, model in self.models.items():
            chosen = [index for index, value in enumerate(kind) if value == name]
            judged = [final_summary(responses[i]) if name == "helpful" else responses[i] for i in chosen]
            for index, score in zip(chosen, model.score([questions[i] for i in chosen], judged), strict=True):
                rewards[index] = score
        return rewards


def final_summary(response: str) -> str:
    """The part the user reads: the response without its reasoning."""
    parsed = parse_response(response)
    return parsed.summary if parsed.well_formed else response
