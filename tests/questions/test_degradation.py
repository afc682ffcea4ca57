"""Ten generations at toy size: two, with a model that was hardly trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from r1.questions.arm import Arm
from r1.questions.degradation.generations import original, run, written
from r1.questions.degradation.measures import MEASURES, by_problem, changes
from r1.questions.degradation.report import judged, returns_at
from r1.questions.degradation.settings import Settings
from r1.questions.effects import Effect
from r1.questions.page import Results
from r1.support.artifacts import write_manifest
from tests.questions.lab import PROBLEMS, params, toy
from tests.trainings import dense

SIZES = {"generations": 2, "examples": 8, "problems": 8, "evaluated": 3, "samples": 2, "batch_size": 8, "epochs": 1}


def small(name: str, model: Path, folder: Path, **changes: Any) -> Arm[Settings]:
    return toy(Settings, "degradation", name, folder, {"base": str(model)}, **SIZES | changes)


def scripted(right: list[bool]) -> pd.DataFrame:
    """What `sampled` returns, for a model that is right where it says."""
    return pd.DataFrame(
        [
            {"prompt": f"p{number}", "completion": f"c{number}", "correct": one, "truncated": False}
            for number, one in enumerate(right)
        ]
    )


@pytest.mark.slow
def test_an_arm_runs_all_generations_and_resumes(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = small("everything", dense(tiny_model), tmp_path)
    outcome = run(arm)
    data, samples = outcome.tables["data"], outcome.tables["samples"]
    assert data["original"].tolist() == [1.0, 0.0, 0.0] and (data["examples"] <= 8).all()
    assert samples.groupby("generation").size().tolist() == [12, 12, 12]  # two levels, three problems, two samples

    def fails(*_: Any, **__: Any) -> None:
        raise AssertionError("everything is kept")

    for name in ("finetune", "sample_problems"):
        monkeypatch.setattr(f"r1.questions.lab.{name}", fails)
    pd.testing.assert_frame_equal(run(arm).tables["samples"], samples)


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ({"original": 0.0, "verified": False}, 0.5),
        ({"original": 0.0, "verified": True}, 0.0),
        ({"original": 0.0, "verified": True, "errs": 0.2}, 0.2),
        ({"original": 0.0, "verified": True, "errs": 1.0}, 1.0),
    ],
)
def test_the_source_decides_what_is_kept(
    source: dict[str, Any], wrong: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "r1.questions.degradation.generations.sampled",
        lambda *_, **__: scripted([number % 2 == 0 for number in range(2000)]),
    )
    arm = toy(Settings, "degradation", "one", tmp_path, arms=params("degradation")["arms"] | {"one": source})
    rows = written(arm, None, PROBLEMS, 400, 1)  # type: ignore[arg-type]
    assert len(rows) == 400 and not any(row["original"] for row in rows)
    assert np.mean([not row["correct"] for row in rows]) == pytest.approx(wrong, abs=0.06)


def test_people_write_right_solutions_in_several_styles(tmp_path: Path) -> None:
    arm = toy(Settings, "degradation", "original", tmp_path)
    rows, others = original(arm, 60, 0), original(arm, 60, 1)
    assert len(rows) == 60 and all(row["correct"] and row["original"] for row in rows)
    assert {row["prompt"] for row in rows} != {row["prompt"] for row in others}
    assert original(arm, 60, 0) == rows


def test_people_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "original.parquet"
    pd.DataFrame([{"prompt": f"p{number}", "completion": "c"} for number in range(9)]).to_parquet(file)
    arm = toy(Settings, "degradation", "original", tmp_path, {"original": str(file)})
    assert len(original(arm, 5, 0)) == 5


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"everything": {"original": 0.0, "verified": False, "errs": 0.1}}, "needs verified true"),
        ({"verified": {"original": 0.0, "verified": True}}, "the claims need everything, original"),
    ],
)
def test_impossible_arms_are_refused(arms: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(params("degradation") | {"arms": arms})


def samples(accuracy: dict[int, float], seed: int, arm: str) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        [
            {
                "arm": arm,
                "seed": seed,
                "generation": generation,
                "problem": problem,
                "level": ("train", "hard", "transfer")[problem % 3],
                "completion": f"一{rng.integers(5)}",
                "predicted": "1" if (right := rng.random() < share) else "2",
                "correct": right,
                "tokens": int(rng.integers(10, 20)),
                "reflections": 0,
            }
            for generation, share in accuracy.items()
            for problem in range(60)
            for _ in range(4)
        ]
    )


def test_measures_of_a_problem() -> None:
    table = (
        samples({0: 1.0}, 1, "verified")
        .query("problem == 0")
        .assign(
            completion=["先 1", "先 1", "Then 2", "Then 3"],
            predicted=pd.Series(["1", "1", "2", None], dtype=object).to_list(),
            correct=[True, True, False, False],
        )
    )
    (row,) = by_problem(table, 0.9).to_dict("records")
    expected = {"pass_at_1": 0.5, "pass_at_k": 1.0, "distinct_answers": 0.5, "distinct_traces": 0.75, "rare": 0.5}
    assert {name: row[name] for name in expected} == expected
    assert row["overconfidence"] == pytest.approx(0.5 - 1) and set(MEASURES) <= set(row)


def test_changes_are_paired_by_problem() -> None:
    table = by_problem(samples({0: 0.0, 2: 1.0}, 1, "verified"), 0.9)
    assert set(changes(table, "verified", "pass_at_1", 2)[1]) == {1.0}


@pytest.mark.parametrize(("plain", "checked", "answer"), [(0.2, 0.8, "stops it"), (0.8, 0.8, "do not degrade")])
def test_the_page_follows_from_the_verdicts(plain: float, checked: float, answer: str, tmp_path: Path) -> None:
    settings = Settings.model_validate(params("degradation") | {"generations": 2})
    for arm in settings.arms:
        end = plain if arm == "everything" else checked
        for seed in (1, 2, 3):
            folder = tmp_path / "arms" / f"{arm}-{seed}"
            folder.mkdir(parents=True)
            samples({0: 0.6, 1: 0.6, 2: end}, seed, arm).drop(columns=["arm", "seed"]).to_parquet(
                folder / "samples.parquet"
            )
            write_manifest(folder, {})
            pd.DataFrame({"generation": [0, 1, 2], "wrong": [0.0, 0.1, 0.1]}).to_parquet(folder / "data.parquet")
    page = judged(Results(tmp_path, settings))
    assert answer in page.answer
    assert [claim["id"] for claim in page.claims if claim["control"]] == ["original_stays"]
    page.save(tmp_path, minutes=1.0)
    assert "<svg" in (tmp_path / "index.html").read_text() and page.answer in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("changes_by_share", "share"),
    [
        ({0.0: 0.0, 0.2: -0.02, 0.4: -0.08, 0.7: -0.3}, 0.3),
        ({0.0: 0.0, 0.7: -0.01}, None),
        ({0.0: -0.2, 0.7: -0.3}, 0.0),
    ],
)
def test_the_share_at_which_the_decay_returns(changes_by_share: dict[float, float], share: float | None) -> None:
    arms = [(wrong, Effect(effect=change)) for wrong, change in changes_by_share.items()]
    assert returns_at(arms, 0.05) == (share if share is None else pytest.approx(share))
