"""Reward models: batches bounded by tokens, scores in the order of the responses."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from r1.models.loading import load_tokenizer, save
from r1.rewards import preference
from r1.rewards.preference import RewardModel
from tests.trainings import dense


def test_scores_do_not_depend_on_the_batch(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    classifier = AutoModelForSequenceClassification.from_pretrained(dense(tiny_model), num_labels=1)
    torch.nn.init.normal_(classifier.score.weight)
    save(classifier, load_tokenizer(tiny_model), tmp_path)
    judge = RewardModel(tmp_path)
    prompts = [f"What is {number}? " * (1 + 3 * (number % 4)) for number in range(12)]
    responses = [f"It is {number}." * (1 + number % 5) for number in range(12)]
    sizes: list[int] = []
    score = judge._score

    def counted(rows: list[list[int]]) -> list[float]:
        sizes.append(len(rows))
        return score(rows)

    monkeypatch.setattr(judge, "_score", counted)
    alone = [judge.score([prompt], [response])[0] for prompt, response in zip(prompts, responses, strict=True)]
    for tokens in (1, 300, 100_000):
        monkeypatch.setattr(preference, "BATCH_TOKENS", tokens)
        sizes.clear()
        assert judge.score(prompts, responses) == pytest.approx(alone, abs=1e-5)
        assert {1: [1] * 12, 100_000: [12]}.get(tokens, sizes) == sizes and sum(sizes) == 12
    assert len(set(alone)) == 12 and judge.score([], []) == []
