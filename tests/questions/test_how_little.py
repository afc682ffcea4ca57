"""Few prompts, weak bases, small models at toy size: two steps of each training, and scripted runs for the claims."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from r1.config.models import BaseConfig, DenseArchitectureConfig
from r1.models.policy import Policy
from r1.questions.arm import Arm
from r1.questions.effects import change
from r1.questions.how_little import runs
from r1.questions.how_little.bases import make, scaled
from r1.questions.how_little.measures import with_outcomes
from r1.questions.how_little.report import judged
from r1.questions.how_little.runs import drawn, grouped, run
from r1.questions.how_little.settings import Base, Settings
from r1.questions.page import Results
from r1.support.artifacts import BrokenArtifact, write_json, write_manifest
from r1.support.code import source_closure
from r1.support.errors import UserError
from tests.conftest import ROOT, compose
from tests.questions.lab import PROBLEMS, params, toy
from tests.questions.test_experiments import main_of, stages
from tests.trainings import dense

SETTINGS = Settings.model_validate(params("how_little"))
CELLS = params("how_little")["arms"]
FEW = {name: {**cell, "prompts": {0: 0, 8: 2, 32: 4, 512: 8}[cell["prompts"]]} for name, cell in CELLS.items()}
SIZES = {"arms": FEW, "max_steps": 2, "batch_size": 16, "num_generations": 4, "evaluated": 3, "samples": 2}
TINY = {"max_completion_length": 32, "micro_batch_tokens": None, "micro_batch_size": 8}


def small(name: str, folder: Path, inputs: dict[str, Any] | None = None, **changes: Any) -> Arm[Settings]:
    arm = toy(Settings, "how_little", name, folder, inputs, **SIZES | changes)
    zero = arm.recipe.zero.model_copy(update=TINY)
    return replace(arm, recipe=arm.recipe.model_copy(update={"zero": zero}))


@pytest.fixture
def base(tiny_model: Path, tmp_path: Path) -> Path:
    """With a manifest, as an artifact has it."""
    copy = shutil.copytree(dense(tiny_model), tmp_path / "base")
    write_manifest(copy, {"counts": {"parameters": 7}})
    return copy


@pytest.mark.slow
def test_an_arm_trains_on_its_prompts_and_resumes(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = small("full_32", tmp_path, {"base": str(base)})
    outcome = run(arm)
    groups, samples = outcome.tables["groups"], outcome.tables["samples"]
    assert groups["step"].tolist() == [1] * 4 + [2] * 4
    assert samples.groupby("when").size().to_dict() == {"after": 12, "before": 12}
    assert outcome.metrics["parameters"] == 7

    def fails(*_: Any, **__: Any) -> None:
        raise AssertionError("everything is kept")

    for name in ("train_rl", "sample_problems"):
        monkeypatch.setattr(f"r1.questions.lab.{name}", fails)
    pd.testing.assert_frame_equal(run(arm).tables["samples"], samples)
    (base / "other.txt").write_text("other")
    write_manifest(base, {"counts": {"parameters": 7}})
    with pytest.raises(AssertionError, match="everything is kept"):  # another base: nothing of the first counts
        run(arm)


@pytest.mark.slow
def test_without_the_format_reward_only_right_answers_pay(base: Path, tmp_path: Path) -> None:
    paid = {}
    for name in ("full_512", "full_accuracy"):
        folder = tmp_path / name
        folder.mkdir()
        run(small(name, folder, {"base": str(base)}))
        table = pd.read_parquet(next(folder.glob("scratch/*/models/trained/rollouts.parquet")))
        paid[name] = {column for column in table.columns if column.startswith("reward_")}
        if name == "full_accuracy":
            assert table["reward"].tolist() == table["reward_accuracy"].tolist()
    assert paid == {"full_512": {"reward_accuracy", "reward_format"}, "full_accuracy": {"reward_accuracy"}}


@pytest.mark.slow
def test_without_rl_the_base_is_sampled_twice(base: Path, tmp_path: Path) -> None:
    outcome = run(small("untouched", tmp_path, {"base": str(base)}))
    samples, groups = outcome.tables["samples"], outcome.tables["groups"]
    tokens = {when: rows["tokens"].tolist() for when, rows in samples.groupby("when")}
    assert groups.empty and tokens["before"] != tokens["after"]


def test_a_missing_base_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BASES", tmp_path)
    with pytest.raises(BrokenArtifact, match="eighth"):
        run(small("eighth_512", tmp_path))


@pytest.mark.slow
def test_a_base_is_pretrained_at_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "corpus").mkdir(parents=True)
    texts = [
        f"What is {first} + {second}? The answer is {first + second}." for first in range(40) for second in range(9)
    ]
    pd.DataFrame({"text": texts}).to_parquet("data/corpus/corpus.parquet")
    whole = compose("profile=smoke").base.pretraining
    assert whole is not None
    spec = {"steps": 2 / whole.max_steps, "width": 0.5, "depth": 0.5}
    bases = {**params("how_little")["bases"], "small": spec}
    trained = make(small("small", tmp_path, bases=bases))
    assert trained.metrics["steps"] == 2 and trained.model.config.num_hidden_layers >= 1
    trained.save(tmp_path / "model")
    assert Policy(tmp_path / "model").context_length


@pytest.mark.parametrize(
    ("wanted", "shape", "steps"),
    [
        ({"steps": 0.125}, (128, 384, 4, 4, 2), 275),
        ({"width": 0.5, "depth": 0.5}, (64, 192, 2, 2, 1), 2200),
        ({"width": 0.25, "depth": 0.25, "steps": 2}, (32, 96, 1, 1, 1), 4400),
    ],
)
def test_bases_are_shares_of_the_recipes(wanted: dict[str, float], shape: tuple[int, ...], steps: int) -> None:
    made = scaled(compose().base, Base.model_validate(wanted))
    assert isinstance(made.architecture, DenseArchitectureConfig) and made.pretraining is not None
    found = made.architecture.model_dump()
    keys = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    assert tuple(found[key] for key in keys) == shape and made.pretraining.max_steps == steps


def test_a_base_may_be_a_checkpoint_and_must_be_one_beside_one() -> None:
    recipe = compose().base
    made = scaled(recipe, Base(checkpoint="models/weak"))
    assert (made.checkpoint, made.architecture, made.pretraining) == ("models/weak", None, None)
    adopted = BaseConfig(**recipe.model_dump() | {"checkpoint": "models/base"})
    with pytest.raises(UserError, match="give each of `bases` a checkpoint"):
        scaled(adopted, Base(steps=0.5))


def test_fewer_prompts_are_part_of_more(tmp_path: Path) -> None:
    few, many = (drawn(small(name, tmp_path), PROBLEMS) for name in ("full_32", "full_512"))
    assert (len(few), len(many)) == (4, 8) and many[:4] == few
    assert drawn(small("eighth_8", tmp_path), PROBLEMS) == few[:2]


def test_wrong_answers_are_of_other_prompts_of_the_family(tmp_path: Path) -> None:
    right, wrong = (drawn(small(name, tmp_path), PROBLEMS) for name in ("full_512", "wrong"))
    answers = {
        family: {row["answer"] for row in PROBLEMS if row["family"] == family} for family in ("sums_train", "sums_hard")
    }
    for one, other in zip(right, wrong, strict=True):
        assert one["prompt"] == other["prompt"] and one["answer"] != other["answer"] in answers[one["family"]]


def test_bases_are_in_the_order_of_their_pretraining() -> None:
    assert SETTINGS.shares == ["eighth", "quarter", "half", "full", "double"]
    assert SETTINGS.sizes == ["tiny", "small", "full"]


def test_too_few_prompts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"arms.full_512.prompts = 512: .*problems.parquet has 16"):
        drawn(toy(Settings, "how_little", "full_512", tmp_path), PROBLEMS)


def test_groups_say_what_there_was_to_learn_from() -> None:
    drawn_rollouts = pd.DataFrame(
        [
            {"step": 1, "group": group, "family": "a", "completion": text, "reward_accuracy": right, "reward": reward}
            for group, text, right, reward in [
                *((0, "Wait, no.", 0.0, 0.0), (0, "4", 0.0, 1.0)),  # wrong, but in different form
                *((1, "4", 1.0, 2.0), (1, "5", 0.0, 1.0)),
                *((2, "4", 1.0, 2.0), (2, "4", 1.0, 2.0)),
            ]
        ]
    )
    found = with_outcomes(grouped(drawn_rollouts))
    assert found["reflects"].tolist() == [0.5, 0.0, 0.0]
    outcomes = found[["none_right", "some_right", "all_right", "silent"]].to_numpy().tolist()
    assert outcomes == [
        [True, False, False, False],
        [False, True, False, False],
        [False, False, True, True],
    ]


@pytest.mark.parametrize(
    ("change_of", "message"),
    [
        ({"full_32": {"base": "eigth", "prompts": 32}}, "must be one of eighth, quarter"),
        ({"wrong": {"base": "full", "prompts": 0, "wrong": True}}, "wrong needs prompts"),
        ({"untouched": {"base": "full", "prompts": 8}}, "there are 0 and 1"),
        ({"untouched": {"base": "full", "prompts": 0, "format": False}}, "format: false needs prompts"),
        ({"wrong": {"base": "full", "prompts": 512, "wrong": True, "format": False}}, "nothing to compare with"),
        ({"half_accuracy": {"base": "half", "prompts": 8, "format": False}}, "an arm of half on 8 prompts"),
        ({"half_512": {"base": "half", "prompts": 128}}, "half must be trained on 512 prompts"),
    ],
)
def test_impossible_arms_are_refused(change_of: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(params("how_little") | {"arms": CELLS | change_of})


# --- the page ----------------------------------------------------------------

GAINS = {"full_8": 0.15, "full_32": 0.3, "full_512": 0.3, "double_512": 0.3, "half_512": 0.3, "quarter_512": 0.15,
         "eighth_512": 0.0, "eighth_8": 0.0, "full_accuracy": 0.3, "half_accuracy": 0.45, "quarter_accuracy": 0.0,
         "small_512": 0.0, "tiny_512": 0.0, "untouched": 0.0, "wrong": 0.0}  # fmt: skip
"""What each arm's pass@1 rises by."""
GROW = ("full_512", "small_512")
"""Arms in which reflection grows."""
PROBLEMS_ASKED = 480


def whole(folder: Path, gains: dict[str, float]) -> Results[Settings]:
    """All arms and seeds: pass@1 is 0.4 before, and rises; groups of the eighth mostly have no right answer."""
    rng = np.random.default_rng(0)
    for name, cell in SETTINGS.arms.items():
        for seed in SETTINGS.seeds:
            path = folder / "arms" / f"{name}-{seed}"
            path.mkdir(parents=True)
            after = np.arange(2 * 4 * PROBLEMS_ASKED) % 2 == 1
            problem = np.arange(len(after)) // 2 % PROBLEMS_ASKED
            pd.DataFrame(
                {
                    "problem": problem,
                    "family": np.array(["search", "chain_sum"])[problem % 2],
                    "level": np.array(["train", "hard", "transfer"])[problem % 3],
                    "when": np.where(after, "after", "before"),
                    "correct": rng.random(len(after)) < 0.4 + gains[name] * after,
                    "well_formed": rng.random(len(after)) < 0.3 + 0.6 * (after & cell.format),
                    "reflects": rng.random(len(after)) < 0.4 + 0.5 * (after & (name in GROW)),
                }
            ).to_parquet(path / "samples.parquet")
            odds = [0.8, 0.1, 0.1] if cell.base == "eighth" else [0.1, 0.7, 0.2]
            right, step = rng.choice([0.0, 0.5, 1.0], p=odds, size=240), np.arange(240) // 8 + 1
            groups = pd.DataFrame({"step": step, "right": right, "varies": right == 0.5, "reflects": 0.5})
            (groups if cell.prompts else runs.NO_GROUPS).to_parquet(path / "groups.parquet")
            write_manifest(path, {})
            write_json(
                folder / "metrics" / f"{name}-{seed}.json",
                {"arm": name, "seed": seed, "seconds": 60.0, "parameters": 1000 * (1 + len(cell.base))},
            )
    for name in SETTINGS.bases:
        write_json(folder / "metrics" / f"base-{name}.json", {"base": name, "seconds": 60.0})
    return Results(folder, SETTINGS)


def test_the_page_follows_from_the_runs(tmp_path: Path) -> None:
    results = whole(tmp_path, GAINS)
    page = judged(results)
    verdicts = {claim["id"]: claim["verdict"] for claim in page.claims}
    controls = {claim["id"] for claim in page.claims if claim["control"]}
    assert controls == {"untouched_stays", "wrong_answers_teach_nothing", "full_512_learns"}
    supported = {name for name, verdict in verdicts.items() if verdict == "supported"}
    assert supported == {
        *controls, "full_32_suffices", "double_512_learns", "half_512_learns", "quarter_512_learns",
        "full_accuracy_learns", "half_accuracy_learns", "half_accuracy_gains_more",
        "base_before_prompts", "weak_base_finds_nothing", "small_512_reflects", "full_512_reflects",
    }  # fmt: skip
    for name in ("full_8_suffices", "eighth_512_learns", "quarter_accuracy_gains_more", "tiny_512_reflects"):
        assert verdicts[name] != "supported"
    assert "32 prompts are enough for what 512 gain" in page.answer
    assert page.answer.endswith("of the sizes, reflection grows in small, full.")
    page.save(tmp_path, results.minutes)
    text = (tmp_path / "report.md").read_text()
    assert "They took 6 minutes of one core" in text
    formed = {row[0]: float(row[-1].split()[-1]) for row in page.tables[0].rows}
    assert formed["half_512"] > 80 and formed["half_accuracy"] < 40
    again = judged(results)
    assert again.figure == page.figure and "Date" not in page.figure


def test_few_prompts_may_not_suffice(tmp_path: Path) -> None:
    page = judged(whole(tmp_path, GAINS | {"full_8": 0.0, "full_32": 0.1}))
    verdicts = {claim["id"]: claim["verdict"] for claim in page.claims}
    assert "supported" not in (verdicts["full_8_suffices"], verdicts["full_32_suffices"])
    assert verdicts["base_before_prompts"] != "supported"
    assert "no fewer prompts are shown to gain what 512 do" in page.answer


@pytest.mark.parametrize(
    ("arm", "gain", "id"),
    [
        ("untouched", 0.3, "untouched_stays"),
        ("wrong", 0.3, "wrong_answers_teach_nothing"),
        ("full_512", 0.0, "full_512_learns"),
    ],
)
def test_a_broken_measurement_is_caught(arm: str, gain: float, id: str, tmp_path: Path) -> None:
    """Gains where nothing could be learned, and none where all could."""
    page = judged(whole(tmp_path, GAINS | {arm: gain}))
    assert {claim["id"] for claim in page.claims if claim["control"] and claim["verdict"] != "supported"} == {id}


def test_changes_are_paired_by_problem_and_of_the_families_asked_for() -> None:
    table = pd.DataFrame(
        [
            {"arm": "a", "seed": 1, "problem": problem, "family": "xy"[problem], "when": when, "correct": right}
            for problem, when, right in [(0, "before", 0), (0, "after", 1), (1, "before", 1), (1, "after", 1)]
        ]
    )
    assert change(table, "a")[1].tolist() == [1, 0]
    assert change(table, "a", families=["y"])[1].tolist() == [0]


def test_the_stage_of_bases_says_the_truth() -> None:
    stage = stages("how_little")["base"]
    assert stage["matrix"]["base"] == list(params("how_little")["bases"])
    declared = [dep for dep in stage["deps"] if dep.startswith("r1")]
    imported = source_closure(ROOT / "experiments" / "how_little" / "base.py")
    assert all(any(file == dep or file.startswith(f"{dep}/") for dep in declared) for file in imported)
    assert all(any(file == dep or file.startswith(f"{dep}/") for file in imported) for dep in declared)
    assert {param for param in stage["params"] if isinstance(param, str)} == set(main_of("how_little", "base").reads)
