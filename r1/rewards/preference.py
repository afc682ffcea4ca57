"""Preference rewards of the final RL stage: a helpful and a harmless reward model (paper section 2.3.4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from r1.models.chat import as_messages
from r1.models.loading import load_tokenizer, sampling_dtype
from r1.rewards.common import Completions, texts
from r1.rewards.response import parse_response

_BATCH = 32
"""Responses scored at a time: a full step's would fill a GPU that also trains."""


class RewardModel:
    """A sequence classifier with one output, trained on preference pairs."""

    def __init__(self, directory: Path) -> None:
        self.tokenizer = load_tokenizer(directory)
        self.tokenizer.padding_side = "right"
        self.model = AutoModelForSequenceClassification.from_pretrained(
            directory, use_safetensors=True, trust_remote_code=False, dtype=sampling_dtype()
        ).eval()
        if torch.cuda.is_available():
            self.model.to("cuda")

    @torch.inference_mode()
    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> list[float]:
        """Preference score of each prompt and response, unbounded; only differences are meaningful."""
        pairs = list(zip(prompts, responses, strict=True))
        batches = [pairs[start : start + _BATCH] for start in range(0, len(pairs), _BATCH)]
        return [score for batch in batches for score in self._score(batch)]

    def _score(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        encoded: Any = self.tokenizer.apply_chat_template(
            [as_messages(prompt, response) for prompt, response in pairs],
            tokenize=True,
            padding=True,
            truncation=True,
            max_length=self.model.config.max_position_embeddings,
            return_dict=True,
            return_tensors="pt",
        )
        logits: torch.Tensor = self.model(**encoded.to(self.model.device)).logits[:, 0]
        return [float(value) for value in logits]


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
