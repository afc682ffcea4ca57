"""Evaluation of a model: problems read completion by completion; general prompts won, tied and lost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from r1.evaluation import evaluate, verdicts
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
    {"prompt": "What is 1 + 1?", "family": "sums", "task": "chain_sum", "level": "train", "answer": "2"},
    {"prompt": "What is 2 + 2?", "family": "sums", "task": "chain_sum", "level": "train", "answer": "4"},
    {"prompt": "What is 3 + 3?", "family": "more_sums", "task": "chain_sum", "level": "hard", "answer": "6"},
    {"prompt": "What is 4 + 4?", "family": "other_sums", "task": "chain_sum", "level": "hard", "answer": "8"},
]
ANSWERS = {
    "What is 1 + 1?": ["<think>So 2.</think><answer>2</answer>"] * 4,
    "What is 2 + 2?": ["<think>Wait, 4.</think><answer>4</answer>", "4", "5", "所以 5"],
    "What is 3 + 3?": ["7"] * 4,
    "What is 4 + 4?": [r"<think>4 + 4 = 8.</think>So \boxed{8}."] * 3 + ["<answer>9</answer><answer>8</answer>"],
}


def say(model: str, conversation: Conversation, nth: int) -> str:
    return ANSWERS.get(conversation[-1]["content"], ["reference"])[nth]


def test_what_does_not_fit_counts_as_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = {PROBLEMS[1]["prompt"], PROMPTS[0]["prompt"]}
    say_if_short = lambda *asked: None if asked[1][-1]["content"] in long else say(*asked)  # noqa: E731
    monkeypatch.setattr(evaluate, "open_sampler", Opened(say_if_short))
    monkeypatch.setattr(evaluate, "RewardModel", ByLength)
    config = compose("evaluate.sampling.num_samples=4", "evaluate.bootstrap_resamples=50").evaluate
    judges = {"helpful": Path("h"), "harmless": Path("s")}
    done = evaluate.evaluate("sft", Policy(Path("zero")), PROBLEMS, PROMPTS, judges, config, 5, tmp_path)
    assert done.counts == {"problems": 4, "samples": 16, "general": 3, "too_long": 2}
    assert done.problems["too_long"].tolist() == [0, 1, 0, 0]
    assert done.problems["pass_at_1"].tolist() == [1, 0, 0, 0] == done.problems["maj_at_k"].tolist()
    assert (
        done.summary["sums"]["train"]["pass_at_1"]["mean"] == 0.5 == done.summary["sums"]["train"]["too_long"]["mean"]
    )
    assert done.general["win"][0] == 0 and done.general["completion"][0] == ""
    assert done.summary["general"]["all"]["too_long"]["mean"] == pytest.approx(1 / 3)


def test_a_model_is_evaluated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = Opened(say)
    monkeypatch.setattr(evaluate, "open_sampler", opened)
    monkeypatch.setattr(evaluate, "RewardModel", ByLength)
    config = compose("evaluate.sampling.num_samples=4", "evaluate.bootstrap_resamples=50").evaluate
    judges = {"helpful": Path("h"), "harmless": Path("s")}
    done = evaluate.evaluate("sft", Policy(Path("zero")), PROBLEMS, PROMPTS, judges, config, 5, tmp_path)

    (sampler,) = opened.samplers
    assert sampler.closed and opened.checkpoints == [tmp_path]
    (asked, sampling, seed), (general, once, again) = sampler.asked
    assert [conversation[-1]["content"] for conversation in asked] == [row["prompt"] for row in PROBLEMS]
    assert (sampling, seed, again) == (config.sampling, 5, 5) and len(general) == len(PROMPTS)
    assert (once.num_samples, once.max_new_tokens) == (1, config.general_max_new_tokens)

    assert done.counts == {"problems": 4, "samples": 16, "general": 3, "too_long": 0}
    assert done.samples["correct"].tolist() == [True] * 4 + [True, True, False, False] + [False] * 8
    assert done.samples["lenient_correct"].tolist()[:12] == done.samples["correct"].tolist()[:12]
    assert done.samples["lenient_predicted"].tolist()[12:15] == ["8"] * 3
    assert done.samples["lenient_correct"].tolist()[12:15] == [True] * 3
    assert done.samples["mixed"].tolist() == [False] * 7 + [True] + [False] * 8
    problems = done.problems
    assert problems["pass_at_1"].tolist() == [1.0, 0.5, 0.0, 0.0]
    assert problems["lenient_pass_at_1"].tolist()[:3] == [1.0, 0.5, 0.0] and problems["lenient_pass_at_1"][3] >= 0.75
    assert problems["lenient_maj_at_k"].tolist() == [1.0, 1.0, 0.0, 1.0]
    assert problems["pass_at_2"].tolist() == pytest.approx([1.0, 5 / 6, 0.0, 0.0])
    assert problems["format_rate"].tolist() == [1.0, 0.25, 0.0, 0.0]
    assert problems["reflection_rate"].tolist() == [0.0, 0.25, 0.0, 0.0]
    assert problems["level"].tolist() == ["train", "train", "hard", "hard"]
    assert problems["family"].tolist() == ["sums", "sums", "more_sums", "other_sums"]
    summary = done.summary
    assert list(summary) == ["sums", "more_sums", "other_sums", "general"], "families of one task and level stay apart"
    assert summary["sums"]["train"]["pass_at_1"]["mean"] == 0.75
    assert summary["sums"]["train"]["pass_at_1"]["n"] == 2
    assert summary["more_sums"]["hard"]["pass_at_1"]["mean"] == 0.0
    assert summary["other_sums"]["hard"]["lenient_pass_at_1"]["n"] == 1
    assert summary["general"]["all"]["preference_win_rate"]["mean"] == 0.5, "all ties"

    assert not done.further
    done.save(tmp_path)
    names = {evaluate.SAMPLES: done.samples, evaluate.PROBLEMS: done.problems, evaluate.GENERAL: done.general}
    for name, table in names.items():
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), table)


def test_some_models_are_measured_further(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Their completions are cut and answer; the problems are sampled again, with the words forbidden."""
    opened = Opened(lambda model, asked, nth: "8" if asked[-1]["role"] == "assistant" else say(model, asked, nth))
    monkeypatch.setattr(evaluate, "open_sampler", opened)
    monkeypatch.setattr(evaluate, "RewardModel", ByLength)
    monkeypatch.setattr(Policy, "first_tokens", lambda self, text, count: text)
    config = compose("evaluate.sampling.num_samples=4", "evaluate.bootstrap_resamples=50").evaluate
    judges = {"helpful": Path("h"), "harmless": Path("s")}
    done = evaluate.evaluate("zero", Policy(Path("zero")), PROBLEMS, PROMPTS, judges, config, 5, tmp_path)
    (sampler,) = opened.samplers
    first, *_, again, general = sampler.asked
    assert {"wait", "Wait", "check", "等等"} <= set(again[1].bad_words) and not first[1].bad_words
    assert (again[0], again[2]) == (first[0], first[2]) and not general[1].bad_words
    assert again[1].model_copy(update={"bad_words": ()}) == first[1]
    pd.testing.assert_frame_equal(done.further[evaluate.WITHOUT_WORDS], done.samples)
    budgets = done.further[evaluate.BUDGETS]
    assert sorted(set(budgets["budget"])) == [*config.thinking.budgets, config.sampling.max_new_tokens]
    done.save(tmp_path)
    for name, table in done.further.items():
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), table)
    assert set(done.further) == {"budgets.parquet", "without_words.parquet", "without_words_problems.parquet"}


def test_what_both_readings_agree_on_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[list[str]] = []

    def are_correct(completions: list[str], *columns: Any) -> list[bool]:
        verified.append(list(completions))
        return [True] * len(completions)

    monkeypatch.setattr(verdicts, "are_correct", are_correct)
    tagged, boxed = "<think>.</think><answer>4</answer>", r"<think>.</think>It is \boxed{4}."
    read = verdicts.read_both_ways([tagged, boxed], ["chain_sum"] * 2, ["4"] * 2)
    assert verified == [[tagged, boxed], [boxed]]
    assert [(row["predicted"], row["lenient_predicted"]) for row in read] == [("4", "4"), (None, "4")]


def test_a_majority_may_be_lenient_alone() -> None:
    """Three boxed answers outvote one tagged one, which is all that the strict reading sees."""
    completions = ["<think>.</think><answer>5</answer>", *[r"<think>.</think>\boxed{4}"] * 3]
    samples = pd.DataFrame(verdicts.read_both_ways(completions, ["chain_sum"] * 4, ["4"] * 4))
    samples = samples.assign(problem=0, family="sums", task="chain_sum", level="train", tokens=1, unreadable="")
    table = evaluate.per_problem(
        samples.assign(truncated=False, well_formed=False, mixed=False, reflections=0, too_long=False)
    )
    assert (table["pass_at_1"].item(), table["maj_at_k"].item()) == (0.0, 0.0)
    assert (table["lenient_pass_at_1"].item(), table["lenient_maj_at_k"].item()) == (0.75, 1.0)
