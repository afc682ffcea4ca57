"""Transfer between families at toy size: two steps of RL, and scripted results for the claims."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForSequenceClassification

from r1.models.loading import load_tokenizer, save
from r1.questions.arm import Arm
from r1.questions.page import Page, Results
from r1.questions.skill_transfer.gains import difference, gains, mean_gain, relation, score_gains, split_gain
from r1.questions.skill_transfer.report import judged
from r1.questions.skill_transfer.rewards import ShuffledAccuracy
from r1.questions.skill_transfer.runs import by_family, run, training_prompts
from r1.questions.skill_transfer.settings import Settings
from r1.support.artifacts import write_manifest
from r1.support.errors import ConfigurationError
from r1.support.tables import read_rows
from r1.tasks import normalise
from tests.questions.lab import params, toy
from tests.trainings import dense

QUESTION = "skill_transfer"
SETTINGS = Settings.model_validate(params(QUESTION))
SIZES = {"problems": 12, "max_steps": 2, "batch_size": 16, "num_generations": 4, "evaluated": 3, "samples": 2}
TINY = {"max_completion_length": 32, "micro_batch_tokens": None, "micro_batch_size": 8}
FAMILIES = {
    **{name: name for name in ("chain_sum", "search", "basic_arithmetic", "complex_arithmetic")},
    "chain_sum_hard": "chain_sum",
    "search_constant": "search",
}
"""Evaluated families and their tasks."""


def small(name: str, folder: Path, inputs: dict[str, Any] | None = None, **changes: Any) -> Arm[Settings]:
    """An arm at toy size, whose evaluation has one problem of each family; chain_sum alone has RL prompts."""
    rows = [
        {"prompt": f"{family} {number}?", "answer": "1", "task": task, "level": "train", "family": family, "kind": ""}
        for family, task in FAMILIES.items()
        for number in range(4)
    ]
    pd.DataFrame(rows).to_parquet(folder / "asked.parquet")
    given = [row | {"prompt": f"chain_sum {number}."} for number, row in enumerate(rows[:1] * 8)]
    pd.DataFrame(given).to_parquet(folder / "given.parquet")
    general = [
        {"prompt": f"{kind} {number}?", "kind": kind, "category": kind, "chosen": "Yes.", "rejected": "No."}
        for number in range(4)
        for kind in ("helpful", "harmless")
    ]
    pd.DataFrame(general[:4]).to_parquet(folder / "general.parquet")
    pd.DataFrame(general[2:]).to_parquet(folder / "evaluate_general.parquet")
    paths = {key: str(folder / f"{key}.parquet") for key in ("general", "evaluate_general")}
    paths |= {"evaluate": str(folder / "asked.parquet"), "prompts": str(folder / "given.parquet")}
    return toy(Settings, QUESTION, name, folder, paths | (inputs or {}), **SIZES | changes)


@pytest.fixture(scope="module")
def judge(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    classifier = AutoModelForSequenceClassification.from_pretrained(dense(tiny_model), num_labels=1)
    torch.nn.init.normal_(classifier.score.weight)
    folder = tmp_path_factory.mktemp("judge")
    save(classifier, load_tokenizer(tiny_model), folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "prompts"), [("shuffled", ("chain_sum", "search")), ("preference", ("general",)), ("base", ())]
)
def test_an_arm_trains_on_its_prompts_and_answers_everything(
    name: str, prompts: tuple[str, ...], tiny_model: Path, judge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = small(name, tmp_path, {"base": str(dense(tiny_model)), "helpful": str(judge), "harmless": str(judge)})
    zero = arm.recipe.zero.model_copy(update=TINY)
    arm = replace(arm, recipe=arm.recipe.model_copy(update={"zero": zero}))
    outcome = run(arm)
    assert set(prompts) <= set(outcome.metrics["prompts"]) and bool(prompts) == bool(outcome.metrics["prompts"])
    samples, general = outcome.tables["samples"], outcome.tables["general"]
    assert samples.groupby("family").size().to_dict() == dict.fromkeys(FAMILIES, 6)
    assert len(general) == 6 and general["score"].notna().all()

    def fails(*_: Any, **__: Any) -> None:
        raise AssertionError("everything is kept")

    for place in ("lab.train_rl", "lab.sample_problems", "skill_transfer.runs.sample_general"):
        monkeypatch.setattr(f"r1.questions.{place}", fails)
    pd.testing.assert_frame_equal(run(arm).tables["samples"], samples)


def test_families_come_from_the_file_or_are_drawn_and_none_is_evaluated(tmp_path: Path) -> None:
    arm = small("two", tmp_path)
    rows = training_prompts(arm, read_rows(arm.settings.inputs.evaluate))
    drawn = [row for row in rows if row["family"] == "search"]
    # "chain_sum 0." to "chain_sum 3." are evaluation prompts but for the full stop.
    assert {row["prompt"] for row in rows if row["family"] == "chain_sum"} == {f"chain_sum {n}." for n in range(4, 8)}
    assert len({row["prompt"] for row in drawn}) == 12 and all(row["prompt"].startswith("Find x") for row in drawn)
    asked = [{**drawn[0], "prompt": drawn[0]["prompt"].upper()}, *read_rows(arm.settings.inputs.evaluate)]
    assert normalise(drawn[0]["prompt"]) not in {normalise(row["prompt"]) for row in training_prompts(arm, asked)}


def test_general_prompts_are_trained_on_unless_evaluated(tmp_path: Path) -> None:
    rows = training_prompts(small("preference", tmp_path), [])
    assert [row["prompt"] for row in rows] == ["helpful 0?", "harmless 0?"]


@pytest.mark.parametrize(
    ("family", "message"), [("sums", "has no such family"), ("search_constant_2", "nor one of prepare.families")]
)
def test_an_unknown_family_is_one_line(family: str, message: str, tmp_path: Path) -> None:
    arms = params(QUESTION)["arms"] | {"odd": {"trains_on": [family]}}
    problems = [{"prompt": "1?", "family": "search_constant_2"}]
    with pytest.raises(ConfigurationError, match=rf"arms.odd.trains_on = '{family}'.*{message}"):
        training_prompts(small("odd", tmp_path, arms=arms), problems)


def test_shuffled_rewards_keep_each_groups_mean_and_say_nothing() -> None:
    rng = np.random.default_rng(0)
    right = rng.random((300, 8)) < 0.4
    said = [f"<think>{rng.random()}</think><answer>{int(one)}</answer>" for one in right.flat]
    asked = {
        "prompts": [f"p{number // 8}" for number in range(2400)],
        "task": ["chain_sum"] * 2400,
        "answer": ["1"] * 2400,
    }
    rewards = np.array(ShuffledAccuracy()(completions=said, **asked), dtype=float).reshape(300, 8)
    assert (rewards.sum(axis=1) == right.sum(axis=1)).all()
    within = rewards - rewards.mean(axis=1, keepdims=True), right - right.mean(axis=1, keepdims=True)
    assert abs(np.corrcoef(within[0].ravel(), within[1].ravel())[0, 1]) < 0.08
    assert ShuffledAccuracy()(completions=said, **asked) == rewards.ravel().tolist()


@pytest.mark.parametrize(
    ("family", "trains_on", "expected"),
    [
        ("search", ["search"], "own"),
        ("search_constant", ["search"], "same task"),
        ("chain_sum", ["search"], "other task"),
        ("chain_sum", ["general"], "other task"),
    ],
)
def test_relations(family: str, trains_on: list[str], expected: str) -> None:
    assert relation(family, trains_on, FAMILIES) == expected


def test_a_gain_is_split_without_remainder() -> None:
    before = pd.DataFrame({"worked": [True, False, False, False], "correct": [True, True, False, False]})
    after = pd.DataFrame({"worked": [True, True, True, False], "correct": [True, True, False, False]})
    often, better = split_gain(before, after)
    assert often + better == pytest.approx(0.5 - 0.5) and often > 0 > better
    always = pd.DataFrame({"worked": [True] * 4, "correct": [True] * 3 + [False]})
    assert sum(split_gain(before, always)) == pytest.approx(0.25)


def test_families_have_the_same_number_of_problems() -> None:
    rows = [{"family": family, "n": number} for family in "ab" for number in range(5)]
    assert [(row["family"], row["n"]) for row in by_family(rows, 2)] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def scripted(
    folder: Path, own: float, other: float, shuffled: float = -0.05, preference: float = 0.0, liked: float = 1.0
) -> Results[Settings]:
    """All arms and seeds, with given gains over a base that is right in 40 %."""
    for place, (arm, training) in enumerate(SETTINGS.arms.items()):
        for seed in SETTINGS.seeds:
            rng = np.random.default_rng([place, seed])
            rows = []
            for number, (family, task) in enumerate(FAMILIES.items()):
                kind = relation(family, training.trains_on, FAMILIES)
                gain = own if kind == "own" else other
                if arm in (SETTINGS.shuffled, SETTINGS.preference, SETTINGS.base):
                    gain = {SETTINGS.shuffled: shuffled, SETTINGS.preference: preference}.get(arm, 0.0)
                for problem in range(40):
                    right = rng.random(3) < 0.4 + gain
                    unit = {"problem": 40 * number + problem, "family": family, "task": task, "level": "train"}
                    rows += [{**unit, "correct": one, "tokens": 9, "worked": problem % 2 == 0} for one in right]
            scores = rng.normal(liked if arm == SETTINGS.preference else 0.0, 1.0, 60)
            general = {"problem": range(60), "kind": ["helpful", "harmless"] * 30, "category": ["fact", "harmful"] * 30}
            path = folder / "arms" / f"{arm}-{seed}"
            path.mkdir(parents=True)
            pd.DataFrame(rows).to_parquet(path / "samples.parquet")
            pd.DataFrame({**general, "score": scores}).to_parquet(path / "general.parquet")
            write_manifest(path, {})
    return Results(folder, SETTINGS)


def verdicts(page: Page) -> dict[str, str]:
    return {one["id"]: one["verdict"] for one in page.claims}


def test_gains_are_paired_with_the_base(tmp_path: Path) -> None:
    results = scripted(tmp_path, own=0.6, other=0.2)
    table = gains(results.table("samples"), SETTINGS)
    assert set(table["arm"]) == set(SETTINGS.arms) - {"base"} and len(table) == 8 * 3 * 240
    chosen = table[table["arm"].isin(SETTINGS.specialists.values())]
    own, other = (chosen[chosen["relation"] == kind] for kind in ("own", "other task"))
    assert np.mean(mean_gain(own)[1]) == pytest.approx(0.6, abs=0.1)
    assert {len(values) for values in difference(own, other).values()} == {160}
    liked = score_gains(results.table("general"), SETTINGS)
    assert liked.loc[liked["arm"] == "preference", "gain"].mean() == pytest.approx(1.0, abs=0.3)


def test_the_page_follows_from_the_effects(tmp_path: Path) -> None:
    page = judged(scripted(tmp_path, own=0.55, other=0.2, preference=-0.3))
    found = verdicts(page)
    assert {one["id"] for one in page.claims if one["control"]} == {
        "own_gains", "shuffled_gains_nothing", "preference_gains"
    }  # fmt: skip
    supported = (
        "own_gains",
        "shuffled_gains_nothing",
        "preference_gains",
        "one_transfers",
        "own_gains_more",
        "four_keeps_up",
    )
    assert {found[name] for name in supported} == {"supported"}
    assert found["preference_keeps_reasoning"] == "not supported" and found["two_transfers_more"] != "supported"
    assert page.answer.startswith("RL on one family brings +") and "changes reasoning by -" in page.answer
    page.save(tmp_path, minutes=1.0)
    assert "<svg" in (tmp_path / "index.html").read_text() and page.answer in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"own": 0.5, "other": 0.0, "shuffled": 0.3}, "shuffled_gains_nothing"),
        ({"own": -0.1, "other": 0.0}, "own_gains"),
        ({"own": 0.5, "other": 0.0, "liked": -0.5}, "preference_gains"),
    ],
)
def test_a_broken_measurement_is_caught(changes: dict[str, float], failed: str, tmp_path: Path) -> None:
    page = judged(scripted(tmp_path, **changes))
    assert verdicts(page)[failed] == "not supported" and page.answer.endswith(f"did not hold: {failed}.")
    assert verdicts(page)["one_transfers"] != "supported"


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ({"two": {"trains_on": ["search", "general"]}}, "general must be alone"),
        ({"two": {"trains_on": [], "shuffled": True}}, "shuffled needs families"),
        ({"two": {"trains_on": []}}, r"exactly one needs trains_on \[\]; there are 2"),
        ({"preference": {"trains_on": ["search"]}}, r"exactly one needs trains_on \[general\]; there are 0"),
        ({"shuffled": {"trains_on": ["search"]}}, "exactly one needs shuffled true; there are 0"),
    ],
)
def test_impossible_arms_are_refused(arm: dict[str, Any], message: str) -> None:
    values = params(QUESTION)
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(values | {"arms": values["arms"] | arm})
    values["batch_size"] = 12
    with pytest.raises(ValidationError, match="must be a multiple of num_generations 8"):
        Settings.model_validate(values)
