"""Long chains of thought at toy size, scripted completions for what is learned from them, and scripted arms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from r1.models.policy import Policy
from r1.questions.arm import Arm
from r1.questions.effects import Effect
from r1.questions.long_to_short.choose import pairs, right_ones
from r1.questions.long_to_short.figure import Point, undominated
from r1.questions.long_to_short.merging import merge
from r1.questions.long_to_short.report import judged
from r1.questions.long_to_short.runs import run
from r1.questions.long_to_short.settings import Merge, Settings, merged_name
from r1.questions.page import Results
from r1.support.artifacts import write_manifest
from r1.support.errors import UserError
from tests.questions.lab import params, toy
from tests.trainings import dense

SETTINGS = Settings.model_validate(params("long_to_short"))
SIZES = {"problems": 4, "examples": 4, "epochs": 1, "batch_size": 4, "evaluated": 2, "samples": 2,
         "max_new_tokens": 16, "max_steps": 1, "rollouts": 8, "num_generations": 4}  # fmt: skip


def small(name: str, model: Path, folder: Path, **changes: Any) -> Arm[Settings]:
    return toy(Settings, "long_to_short", name, folder, {"long": str(model), "short": str(model)}, **SIZES | changes)


def completions(rows: list[tuple[int, bool, int]]) -> pd.DataFrame:
    """What `sampled` returns: problem, whether right, tokens."""
    return pd.DataFrame(
        [
            {
                "problem": problem,
                "prompt": f"p{problem}",
                "completion": f"c{tokens}",
                "correct": right,
                "tokens": tokens,
            }
            for problem, right, tokens in rows
        ]
    )


SCRIPT = completions(
    [(0, True, 30), (0, True, 20), (0, False, 10), (1, True, 25), (1, False, 40), (2, False, 5), (3, True, 9)]
)


def test_the_shortest_right_one_of_each_problem() -> None:
    rows = right_ones(SCRIPT, "shortest", 9, seed=1)
    assert sorted((row["prompt"], row["completion"]) for row in rows) == [("p0", "c20"), ("p1", "c25"), ("p3", "c9")]
    assert {row["prompt"]: row["mean_tokens"] for row in rows}["p0"] == 25


def test_random_ones_are_of_the_same_problems() -> None:
    drawn = {seed: right_ones(SCRIPT, "random", 2, seed) for seed in range(20)}
    for seed, rows in drawn.items():
        assert [row["prompt"] for row in rows] == [row["prompt"] for row in right_ones(SCRIPT, "shortest", 2, seed)]
    assert {row["completion"] for rows in drawn.values() for row in rows} == {"c20", "c30", "c25", "c9"}


@pytest.mark.parametrize(("longer", "rejected"), [(1.2, {"p0": "c30", "p1": "c40"}), (2.0, {"p1": "c40"})])
def test_pairs_are_of_a_short_right_one_and_a_longer_one(longer: float, rejected: dict[str, str]) -> None:
    rows = pairs(SCRIPT, longer, 9, seed=1)
    assert {row["prompt"]: row["rejected"] for row in rows} == rejected
    assert {row["chosen"] for row in rows} <= {"c20", "c25"}


def test_merged_weights_lie_between(tiny_model: Path, tmp_path: Path) -> None:
    arm = small("merge", dense(tiny_model), tmp_path)
    short, far = Policy(tiny_model), tmp_path / "far"
    model = short.load()
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(1)
    model.save_pretrained(far)
    short.tokenizer.save_pretrained(far)
    merged = merge(arm, "merged_25", short, Policy(far), 0.25).load().state_dict()
    for name, weights in short.load().state_dict().items():
        torch.testing.assert_close(merged[name], weights + 0.25)


def test_models_of_other_shapes_do_not_merge(tiny_model: Path, tmp_path: Path) -> None:
    class Other(Policy):
        def load(self, *_: Any, **__: Any) -> Any:
            return torch.nn.Linear(1, 1)

    arm = small("merge", dense(tiny_model), tmp_path)
    with pytest.raises(UserError, match="other shapes"):
        merge(arm, "merged_50", Other(tiny_model), Policy(tiny_model), 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["merge", "length_reward", "shortest", "dpo"])
def test_an_arm_runs_and_a_killed_one_trains_nothing_twice(
    name: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted = SCRIPT.assign(completion="<think>1</think><answer>1</answer>")
    monkeypatch.setattr("r1.questions.long_to_short.runs._completions", lambda *_: scripted)
    arms = params("long_to_short")["arms"] | {"merge": {"method": "merge", "weights": [0.0, 0.5, 1.0]}}
    arm = small(name, dense(tiny_model), tmp_path, arms=arms)
    outcome = run(arm)
    names = ["short", "merged_50", "long"] if name == "merge" else [name]
    samples = outcome.tables["samples"]
    assert samples.groupby("model", sort=False).size().to_dict() == dict.fromkeys(names, 8)
    expected = {"shortest": 3, "dpo": 2}.get(name, 0)
    assert outcome.tables["data"]["examples"].tolist() == [expected]

    def fails(*_: Any, **__: Any) -> None:
        raise AssertionError("everything is kept")

    for called in ("finetune", "sample_problems", "train_rl"):
        monkeypatch.setattr(f"r1.questions.lab.{called}", fails)
    monkeypatch.setattr("r1.questions.long_to_short.preference.prefer", fails)
    pd.testing.assert_frame_equal(run(arm).tables["samples"], samples)


PLACES = {
    **{"short": (40, 0.5), "long": (80, 0.7), "random_right": (79, 0.7), "long_traces": (75, 0.65)},
    **{"short_traces": (40, 0.5), "length_reward": (50, 0.7), "shortest": (60, 0.3), "dpo": (80, 0.7)},
}
"""Tokens and pass@1 of models; merged ones lie between."""


def whole(folder: Path, places: Mapping[str, tuple[float, float]]) -> Results[Settings]:
    """All arms and seeds, with models at given places."""
    rng = np.random.default_rng(0)
    for name, arm in SETTINGS.arms.items():
        models = [merged_name(weight) for weight in arm.weights] if isinstance(arm, Merge) else [name]
        for seed in SETTINGS.seeds:
            rows: list[dict[str, Any]] = []
            for model in models:
                tokens, accuracy = places.get(model, (60, 0.6))
                rows += [
                    {
                        "model": model,
                        "problem": problem,
                        "level": ("train", "hard")[problem % 2],
                        "correct": rng.random() < accuracy,
                        "tokens": tokens + rng.integers(-5, 6),
                    }
                    for problem in range(300)
                    for _ in range(4)
                ]
            path = folder / "arms" / f"{name}-{seed}"
            path.mkdir(parents=True)
            pd.DataFrame(rows).to_parquet(path / "samples.parquet")
            pd.DataFrame([{"examples": 9, "tokens": 50.0, "mean_tokens": 60.0}]).to_parquet(path / "data.parquet")
            write_manifest(path, {})
    return Results(folder, SETTINGS)


def test_the_page_follows_from_the_arms(tmp_path: Path) -> None:
    page = judged(whole(tmp_path, PLACES))
    verdicts = {claim["id"]: claim["verdict"] for claim in page.claims}
    assert verdicts["length_reward_saves"] == verdicts["length_reward_stays_right"] == "supported"
    assert verdicts["shortest_saves"] == "supported" and verdicts["shortest_stays_right"] == "not supported"
    assert verdicts["dpo_saves"] == "not supported" and verdicts["dpo_stays_right"] == "supported"
    assert verdicts["long_traces_teach_more"] == verdicts["short_gains_most"] == verdicts["long_pays"] == "supported"
    controls = {claim["id"]: claim["verdict"] for claim in page.claims if claim["control"]}
    assert controls == {"long_is_longer": "supported", "random_right_stays_long": "supported"}
    assert page.answer == (
        "1 of 6 methods save 5% of the tokens for at most 8 points of pass@1: length_reward; a short model learns "
        "more from the long one's traces than from its own."
    )
    page.save(tmp_path, minutes=1.0)
    assert "<svg" in (tmp_path / "index.html").read_text() and page.answer in (tmp_path / "report.md").read_text()


def test_controls_catch_a_measurement_that_is_broken(tmp_path: Path) -> None:
    alike = judged(whole(tmp_path / "alike", dict.fromkeys(PLACES, (60, 0.6))))
    assert next(claim for claim in alike.claims if claim["id"] == "long_is_longer")["verdict"] == "not supported"
    shrunk = judged(whole(tmp_path / "shrunk", PLACES | {"random_right": (50, 0.7)}))
    verdicts = {claim["id"]: claim["verdict"] for claim in shrunk.claims}
    assert verdicts["random_right_stays_long"] == "not supported"


def test_the_front_is_what_nothing_beats() -> None:
    places = {"a": (10, 0.2), "b": (20, 0.5), "c": (30, 0.4), "d": (40, 0.6), "e": (20, 0.1)}
    points = {name: Point(Effect(effect=x), Effect(effect=y)) for name, (x, y) in places.items()}
    assert undominated(points) == ["a", "b", "d"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arms": {"merge": {"method": "merge", "weights": [0.0, 1.0]}}}, "the claims need random_right, long_traces"),
        ({"arms": {"merge": {"method": "merge", "weights": [0.0, 0.5]}}}, "must ascend from 0"),
        ({"arms": {"dpo": {"method": "dpo", "keep": "random"}}}, "keep"),
        ({"arms": {"rl": {"method": "rl", "rewards": {"short_reward": 1.0}}}}, "short_reward"),
        ({"rollouts": 63}, "rollouts 63 must be a multiple of num_generations 8"),
        ({"examples": 145}, "examples 145 exceed problems 144"),
        ({"longer": 1.0}, "longer"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(params("long_to_short") | changes)


def test_exactly_one_arm_merges() -> None:
    values = params("long_to_short")
    del values["arms"]["merge"]
    with pytest.raises(ValidationError, match="exactly one needs method merge; there are 0"):
        Settings.model_validate(values)
