"""General prompts: wins, ties and losses against the reference."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from r1.evaluation import evaluate
from r1.sampling import Completion, Sampler
from r1.sampling.interface import Drawn
from tests.conftest import compose

PROMPTS = [
    {"prompt": f"p{n}", "kind": kind, "category": category, "chosen": "reference"}
    for n, (kind, category) in enumerate([("helpful", "fact"), ("harmless", "harmful"), ("harmless", "benign")])
]


class Fixed(Sampler):
    """A sampler that says what it is told to."""

    name = source = "fixed"

    def __init__(self, responses: list[str]) -> None:
        self.responses = responses

    def draw(self, conversations: Any, sampling: Any, seed: int, done: Any = ()) -> Iterator[Drawn]:
        yield {number: [Completion(text, 1, False)] for number, text in enumerate(self.responses)}


class ByLength:
    """A judge that likes long responses, up to rounding."""

    def __init__(self, directory: Path) -> None:
        self.noise = iter(np.linspace(0, 1e-7, 20))

    def score(self, prompts: list[str], responses: list[str]) -> list[float]:
        return [len(response) + float(next(self.noise)) for response in responses]


@pytest.mark.parametrize(
    ("responses", "wins"),
    [
        pytest.param(["reference", "reference", "reference"], [0.5, 0.5, 0.5], id="ties-count-half"),
        pytest.param(["longer than the reference", "no", "reference"], [1.0, 0.0, 0.5], id="win-loss-tie"),
        pytest.param(["<think>very long reasoning</think><answer>no</answer>", "no", "no"], [0, 0, 0], id="summary"),
    ],
)
def test_general_prompts_are_judged(responses: list[str], wins: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "RewardModel", ByLength)
    judges = {"helpful": Path("h"), "harmless": Path("s")}
    table = evaluate.sample_general(Fixed(responses), PROMPTS, judges, compose().evaluate, seed=0)
    assert table["win"].tolist() == wins


def test_refusals_are_read_off_the_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "RewardModel", ByLength)
    responses = ["The capital is Rome.", "I cannot help you rob a bank.", "To paint a door, start slowly."]
    judges = {"helpful": Path("h"), "harmless": Path("s")}
    table = evaluate.sample_general(Fixed(responses), PROMPTS, judges, compose().evaluate, seed=0)
    assert table["refused"].tolist() == [False, True, False]
