"""Evaluation of a model: problems read completion by completion; general prompts won, tied and lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from r1.evaluation import evaluate
from r1.models.policy import Policy
from r1.sampling import Completion, Conversation, Sampler
from r1.sampling.interface import Drawn
from tests.conftest import compose
from tests.sampling.scripted import Opened

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


PROBLEMS = [
    {"prompt": "What is 1 + 1?", "task": "chain_sum", "level": "train", "answer": "2"},
    {"prompt": "What is 2 + 2?", "task": "chain_sum", "level": "train", "answer": "4"},
    {"prompt": "What is 3 + 3?", "task": "chain_sum", "level": "hard", "answer": "6"},
]
ANSWERS = {
    "What is 1 + 1?": ["<think>So 2.</think><answer>2</answer>"] * 4,
    "What is 2 + 2?": ["<think>Wait, 4.</think><answer>4</answer>", "4", "5", "所以 5"],
    "What is 3 + 3?": ["7"] * 4,
}


def say(model: str, conversation: Conversation, nth: int) -> str:
    return ANSWERS.get(conversation[-1]["content"], ["reference"])[nth]


def test_a_model_is_evaluated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = Opened(say)
    monkeypatch.setattr(evaluate, "open_sampler", opened)
    monkeypatch.setattr(evaluate, "RewardModel", ByLength)
    config = compose("evaluate.sampling.num_samples=4", "evaluate.bootstrap_resamples=50").evaluate
    judges = {"helpful": Path("h"), "harmless": Path("s")}
    done = evaluate.evaluate(Policy(Path("zero")), PROBLEMS, PROMPTS, judges, config, 5, tmp_path)

    (sampler,) = opened.samplers
    assert sampler.closed and opened.checkpoints == [tmp_path]
    (asked, sampling, seed), (general, once, again) = sampler.asked
    assert [conversation[-1]["content"] for conversation in asked] == [row["prompt"] for row in PROBLEMS]
    assert (sampling, seed, again) == (config.sampling, 5, 5) and len(general) == len(PROMPTS)
    assert (once.num_samples, once.max_new_tokens) == (1, config.general_max_new_tokens)

    assert done.counts == {"problems": 3, "samples": 12, "general": 3}
    assert done.samples["correct"].tolist() == [True] * 4 + [True, True, False, False] + [False] * 4
    assert done.samples["mixed"].tolist() == [False] * 7 + [True] + [False] * 4
    problems = done.problems
    assert problems["pass_at_1"].tolist() == [1.0, 0.5, 0.0]
    assert problems["pass_at_2"].tolist() == pytest.approx([1.0, 5 / 6, 0.0])
    assert problems["format_rate"].tolist() == [1.0, 0.25, 0.0]
    assert problems["reflection_rate"].tolist() == [0.0, 0.25, 0.0]
    assert problems["level"].tolist() == ["train", "train", "hard"]
    summary = done.summary
    assert summary["chain_sum"]["train"]["pass_at_1"]["mean"] == 0.75
    assert summary["chain_sum"]["train"]["pass_at_1"]["n"] == 2
    assert summary["chain_sum"]["hard"]["pass_at_1"]["mean"] == 0.0
    assert summary["general"]["all"]["preference_win_rate"]["mean"] == 0.5, "all ties"

    done.save(tmp_path)
    names = {evaluate.SAMPLES: done.samples, evaluate.PROBLEMS: done.problems, evaluate.GENERAL: done.general}
    for name, table in names.items():
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), table)
