"""Forensics at toy size: scripted scores and models, and one arm of each kind with a model that was hardly trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file

from r1.models.policy import Policy
from r1.questions.forensics import causes, membership, teachers
from r1.questions.forensics.attribution import accuracy_of_few, by_gain, by_likelihood, by_style, confusion
from r1.questions.forensics.auc import placements, set_means
from r1.questions.forensics.detectors import left_out, permuted
from r1.questions.forensics.likelihood import Scores, completions, documents, score
from r1.questions.forensics.measures import Blind, scores
from r1.questions.forensics.names import (
    BASE,
    BLIND,
    ITSELF,
    OURS,
    PRETRAINED,
    READS,
    RECIPE,
    STUDENT,
    STYLE,
    tuned_name,
)
from r1.questions.forensics.report import judged
from r1.questions.forensics.runs import run
from r1.questions.forensics.settings import Settings
from r1.questions.forensics.show import show_forensics
from r1.questions.forensics.weights import difference
from r1.questions.page import Results
from r1.support.artifacts import write_manifest
from r1.support.errors import UserError
from tests.conftest import compose
from tests.questions.lab import PROBLEMS, params, toy
from tests.trainings import dense

SETTINGS = Settings.model_validate(params("forensics"))
MODELS = [name for name in params("forensics")["inputs"] if "models" in str(params("forensics")["inputs"][name])]


# --- settings ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("arm", "change", "message"),
    [
        ("membership", {"sets": [1, 200]}, "must hold two of the largest"),
        ("membership", {"epochs": [3, 1]}, "must ascend"),
        ("membership", {"sets": [1, 10]}, "bounds.set 30"),
        ("membership", {"asks": "member"}, "does not match any of the expected tags"),
        ("teacher", {"few": [1, 100]}, "at most problems 64"),
        ("teacher", {"teachers": ["base", "gpt"]}, "Input should be 'base'"),
        ("cause", {"num_generations": 7}, "multiple of num_generations"),
        ("cause", {"makings": {"one": {}, "two": {"examples": "corpus"}}}, "one of examples and rewards"),
        (
            "cause",
            {"makings": {"a": {"examples": "corpus"}, "b": {"examples": "examples"}}},
            "one by SFT and one by RL",
        ),
    ],
)
def test_impossible_settings_are_refused(arm: str, change: dict[str, Any], message: str) -> None:
    values = params("forensics")
    values["arms"][arm] |= change
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(values)


def test_every_arm_is_needed() -> None:
    values = params("forensics")
    del values["arms"]["teacher"]
    with pytest.raises(ValidationError, match="must be membership, teacher and cause"):
        Settings.model_validate(values)


# --- membership --------------------------------------------------------------


def test_members_and_others_differ_by_training_alone() -> None:
    ours, theirs = ["a", "b", "b", "c", "d"], ["a", "e", "e", "f", "d"]
    assert membership.once_in_one(ours, theirs) == (["c"], ["f"])


def test_scores_of_a_document() -> None:
    read = Scores(np.array([-1.0, -4.0, -2.0, -3.0]), np.array([1.0, 2.0, 2.0, 1.0]), np.array([1.0, 2.0, 1.0, 1.0]))
    found = scores(read, lowest=0.5)
    assert found == {"loss": -2.5, "min_k": -3.5, "min_k_plus_plus": pytest.approx((-2 - 1) / 2)}


def test_placements_average_to_the_auc() -> None:
    found = placements([3.0, 2.0, 1.0], [2.0, 0.0, 0.0])
    assert found.mean() == pytest.approx((3 + 2.5 + 2) / 9)
    assert placements([1.0, 1.0], [1.0, 1.0]).tolist() == [0.5, 0.5]
    assert set_means([1.0, 3.0, 5.0, 7.0, 9.0], 2).tolist() == [2.0, 6.0]


def test_the_blind_model_knows_its_texts() -> None:
    blind = Blind(["What is 1 + 1?"] * 20)
    assert blind.loss("What is 1 + 1?") > blind.loss("What is 1 + 2?") > blind.loss("zzzzzzzzzz")


def test_a_batch_reads_like_one_text_at_a_time(tiny_model: Path) -> None:
    policy = Policy(dense(tiny_model))
    rows = [{"prompt": f"What is {n} + 1?", "completion": "1" * (3 * n + 1)} for n in range(4)]
    texts = [*completions(policy, rows), *documents(policy, ["User: What is 1 + 1?\nAssistant:\n2"])]
    together = score(policy, texts)
    for text, one in zip(texts, together, strict=True):
        (alone,) = score(policy, [text])
        assert len(one.logp) == len(text.ids) - text.start
        np.testing.assert_allclose(one.logp, alone.logp, atol=1e-4)
    logits = policy.load()(torch.tensor([texts[0].ids])).logits[0].log_softmax(-1)
    expected = [logits[at - 1, texts[0].ids[at]].item() for at in range(texts[0].start, len(texts[0].ids))]
    np.testing.assert_allclose(together[0].logp, expected, atol=1e-4)
    shares = logits[texts[0].start - 1]
    assert together[0].entropy[0] == pytest.approx(-(shares.exp() * shares).sum().item(), abs=1e-4)
    assert together[0].spread[0] == pytest.approx(
        (shares.exp() * (shares + together[0].entropy[0]) ** 2).sum().sqrt().item(), abs=1e-3
    )


# --- weights -----------------------------------------------------------------


def saved(folder: Path, **tensors: torch.Tensor) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_the_difference_of_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = torch.randn(64, 32)
    base = saved(tmp_path / "base", w=start, b=torch.ones(8))
    thin = saved(tmp_path / "thin", w=start + torch.outer(torch.randn(64), torch.randn(32)), b=torch.ones(8))
    full = saved(tmp_path / "full", w=start + 0.1 * torch.randn(64, 32), b=torch.ones(8))
    few = start.clone()
    few[0, :16] += 1
    some = saved(tmp_path / "some", w=few, b=torch.ones(8))
    assert difference(thin, base)["rank"] == pytest.approx(1 / 32, rel=0.05) and difference(full, base)["rank"] > 0.7
    assert difference(some, base)["unchanged"] == pytest.approx(1 - 16 / (64 * 32 + 8))
    assert difference(full, base)["size"] == pytest.approx(-1, abs=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: saved(folder, w=torch.ones(2, 2)), "the same weights"),
        (lambda folder: saved(folder, w=torch.ones(2, 3)), r"w has the shapes \(2, 3\) and \(2, 2\)"),
        (lambda folder: saved(folder, v=torch.ones(2, 2)), "only one of them has v"),
        (lambda folder: folder.mkdir(), r"no \*\.safetensors"),
        (lambda folder: (folder.mkdir(), (folder / "a.safetensors").write_text("no"))[0], "cannot be read"),
    ],
)
def test_models_that_cannot_be_compared(make: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    base = saved(tmp_path / "base", w=torch.ones(2, 2))
    make(tmp_path / "model")
    with pytest.raises(UserError, match=message):
        difference(tmp_path / "model", base)


# --- detectors and attribution -----------------------------------------------


def made(apart: float, seed: int = 0) -> pd.DataFrame:
    """Models of all makings and seeds, so far apart in every feature, and the recipe's."""
    rng = np.random.default_rng(seed)
    makings = SETTINGS.cause.makings
    centres = {name: rng.normal(0, apart, len(READS["both"])) for name in makings}
    side = {"sft": -4 * apart, "rl": 4 * apart}
    rows = [(OURS, name, one.method, centres[name]) for name, one in makings.items()]
    rows += [(RECIPE, name, one.method, 0.0 * centres["people"]) for name, one in SETTINGS.cause.known.items()]
    return pd.DataFrame(
        [
            {"seed": seed, "source": source, "model": name, "method": method}
            | dict(zip(READS["both"], centre + side[method] + rng.normal(0, 1, len(READS["both"])), strict=True))
            for seed in SETTINGS.seeds
            for source, name, method, centre in rows
        ]
    )


def test_a_detector_learns_from_other_seeds() -> None:
    models = made(apart=5.0).query("source == @OURS").reset_index(drop=True)
    assert (left_out(models, READS["both"], "model") == models["model"]).all()
    # Its own seed's labels say nothing: with others' permuted, a model is named by chance.
    found = permuted(models, READS["both"], "model", 100)
    assert np.mean(list(found.values())) == pytest.approx(1 / 6, abs=0.06)


def test_a_constant_feature_counts_nothing() -> None:
    models = made(apart=5.0).query("source == @OURS").reset_index(drop=True).assign(format=1.0)
    assert (left_out(models, READS["samples"], "model") == models["model"]).mean() > 0.8


def read(right: float, seed: int) -> pd.DataFrame:
    """Log-likelihoods in which the teacher is the likeliest by so much, and itself by more."""
    rng, names = np.random.default_rng(seed), SETTINGS.teacher.teachers
    return pd.DataFrame(
        [
            {"writer": writer, "teacher": teacher, "sample": sample, "candidate": candidate}
            | {"logp": rng.normal(0, 3) + (by if candidate == teacher else 0.0)}
            for writer, by in {STUDENT: right, ITSELF: 9.0}.items()
            for teacher in names
            for sample in range(64)
            for candidate in names
        ]
    )


def gains(right: float, seed: int) -> pd.DataFrame:
    table = read(right, seed)
    return table[table["writer"] == STUDENT].drop(columns="writer").rename(columns={"logp": "gain"})


def written(apart: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    centres = {name: rng.normal(0, 1, len(STYLE)) for name in SETTINGS.teacher.teachers}
    return pd.DataFrame(
        [
            {"writer": writer, "teacher": name}
            | dict(zip(STYLE, apart * centre + rng.normal(0, 0.3, len(STYLE)), strict=True))
            for writer in (STUDENT, ITSELF)
            for name, centre in centres.items()
        ]
    )


def test_a_student_is_attributed() -> None:
    likelihood, style = read(2.0, 1).assign(seed=1), written(3.0, 1).assign(seed=1)
    named = by_likelihood(likelihood)
    assert (named["named"] == named["teacher"]).all() and len(named) == 12
    likely = by_style(style)
    assert (likely["named"] == likely["teacher"]).all() and len(likely) == 6
    gained = by_gain(gains(2.0, 1).assign(seed=1))
    assert (gained["named"] == gained["teacher"]).all() and len(gained) == 6
    students = likelihood[likelihood["writer"] == STUDENT]
    few = accuracy_of_few(students, "logp", (1, 64)).set_index("completions")["accuracy"]
    assert 1 / 6 < few[1] < few[64] == 1.0
    counts = confusion(named[named["writer"] == STUDENT], SETTINGS.teacher.teachers)
    assert (counts == np.eye(6)).all()


# --- report ------------------------------------------------------------------


def scored(seen: float, shifted: float, seed: int) -> pd.DataFrame:
    """Members whose scores are higher by so much in the trained models, and in all if the split is not fair."""
    rng, membership = np.random.default_rng(seed), SETTINGS.membership
    trained = {PRETRAINED: 0.0, **{tuned_name(epochs): seen * epochs for epochs in membership.epochs}}
    return pd.DataFrame(
        [
            {"model": model, "member": member}
            | {
                name: rng.normal(0, 1) + member * (trained.get(model, 0.0) + shifted)
                for name in ("loss", "min_k", "min_k_plus_plus", "against_base")
                if name == "loss" or model != BLIND
            }
            for model in (BLIND, BASE, *trained)
            for member in (True, False)
            for _ in range(membership.documents if model in (PRETRAINED, BLIND) else membership.examples)
        ]
    )


def whole(folder: Path, seen: float, right: float, apart: float, shifted: float = 0.0) -> Results[Settings]:
    models = made(apart)
    for seed in SETTINGS.seeds:
        tables = {
            "membership": {"documents": scored(seen, shifted, seed)},
            "teacher": {"likelihood": read(right, seed), "gain": gains(right, seed), "style": written(apart, seed)},
            "cause": {"models": models[models["seed"] == seed].drop(columns="seed")},
        }
        for arm, of_arm in tables.items():
            path = folder / "arms" / f"{arm}-{seed}"
            path.mkdir(parents=True)
            for name, table in of_arm.items():
                table.to_parquet(path / f"{name}.parquet")
            write_manifest(path, {})
    return Results(folder, SETTINGS)


CONTROLS = ["pretraining_blind", "sft_blind", "teachers_themselves", "permuted"]


def test_the_page_follows_from_what_can_be_told(tmp_path: Path) -> None:
    page = judged(whole(tmp_path, seen=0.2, right=2.0, apart=5.0))
    verdicts = {claim["id"]: claim["verdict"] for claim in page.claims}
    assert [claim["id"] for claim in page.claims if claim["control"]] == CONTROLS
    told = [
        *CONTROLS,
        "sft_8",
        "teacher_by_likelihood",
        "teacher_by_gain",
        "method",
        "making",
        "reward",
        "method_of_recipe",
    ]
    assert {verdicts[name] for name in told} == {"supported"}, verdicts
    assert verdicts["pretraining"] == "not supported"
    assert page.answer.startswith("Can be told: ") and "cannot: a document of pretraining" in page.answer
    page.save(tmp_path, minutes=1.0)
    assert "<svg" in (tmp_path / "index.html").read_text() and page.answer in (tmp_path / "report.md").read_text()


def test_nothing_is_told_where_there_is_nothing(tmp_path: Path) -> None:
    page = judged(whole(tmp_path, seen=0.0, right=0.0, apart=0.0))
    verdicts = {claim["id"]: claim["verdict"] for claim in page.claims}
    assert {verdicts[name] for name in CONTROLS} == {"supported"}
    nothing = ("pretraining", "sft_8", "teacher_by_likelihood", "teacher_by_gain", "method", "making", "reward")
    assert "supported" not in {verdicts[name] for name in nothing}


def test_a_split_that_is_not_fair_is_caught(tmp_path: Path) -> None:
    page = judged(whole(tmp_path, seen=0.0, right=2.0, apart=5.0, shifted=1.0))
    verdicts = {claim["id"]: claim["verdict"] for claim in page.claims}
    assert verdicts["pretraining"] == "supported"  # it seems so
    assert verdicts["pretraining_blind"] == verdicts["sft_blind"] == "not supported"


# --- arms and command --------------------------------------------------------

SMALL: dict[str, dict[str, Any]] = {
    "membership": {"documents": 12, "examples": 10, "epochs": [1], "sets": [1, 5]},
    "teacher": {"teachers": ["base", "zero"], "completions": 8, "epochs": 1, "problems": 4, "few": [1, 4]},
    "cause": {
        **{"examples": 8, "epochs": 1, "max_steps": 1, "batch_size": 16, "num_generations": 4, "problems": 2},
        **{"samples": 1, "known": {}, "warmup_steps": 0, "tuning": {"learning_rate": 1e-3, "batch_size": 4}},
        "makings": {"people": {"examples": "corpus"}, "varied": {"rewards": {"cosine_scaled_reward": 1.0}}},
    },
}
TINY = {"max_completion_length": 32, "micro_batch_tokens": None, "micro_batch_size": 8}


def files(folder: Path, model: Path) -> dict[str, Any]:
    """Inputs of a toy arm: one model in every place."""
    texts = [{"prompt": f"p{n}", "text": f"User: p{n}\nAssistant:\nFirst {n}.\nThe answer is {n}."} for n in range(40)]
    pd.DataFrame(texts).to_parquet(folder / "corpus.parquet")
    pd.DataFrame(texts).replace("User", "Uxer", regex=True).to_parquet(folder / "held_out.parquet")
    pd.DataFrame([{"prompt": f"p{n}", "completion": f"c{n}"} for n in range(40)]).to_parquet(
        folder / "examples.parquet"
    )
    paths = {name: str(folder / f"{name}.parquet") for name in ("corpus", "held_out", "examples")}
    return dict.fromkeys(MODELS, str(model)) | paths


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SMALL))
def test_an_arm_runs_and_resumes(name: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = params("forensics")
    values["arms"][name] |= SMALL[name]
    bounds = values["bounds"] | {"set": SMALL["membership"]["sets"][-1] if name == "membership" else 30}
    arm = toy(
        Settings, "forensics", name, tmp_path, files(tmp_path, dense(tiny_model)), arms=values["arms"], bounds=bounds
    )
    zero = arm.recipe.zero.model_copy(update=TINY)
    sampling = arm.recipe.evaluate.sampling.model_copy(update={"max_new_tokens": 16})
    evaluate = arm.recipe.evaluate.model_copy(update={"sampling": sampling})
    arm = replace(arm, recipe=arm.recipe.model_copy(update={"zero": zero, "evaluate": evaluate}))
    tables = run(arm).tables
    lengths = {key: len(table) for key, table in tables.items()}
    assert lengths in (
        {"documents": 4 * 12 + 2 * 20},
        {"likelihood": 2 * 2 * 4 * 2, "gain": 2 * 2 * 4, "style": 4},
        {"models": 2},
    )

    def fails(*_: Any, **__: Any) -> None:
        raise AssertionError("everything is kept")

    monkeypatch.setattr("r1.questions.lab.finetune", fails)
    monkeypatch.setattr("r1.questions.lab.train_rl", fails)
    for module in (teachers, causes):
        monkeypatch.setattr(module, "sampled", fails)
    for key, table in run(arm).tables.items():
        pd.testing.assert_frame_equal(table, tables[key])


@pytest.mark.slow
def test_the_command_prints_features_and_verdicts(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = dense(tiny_model)
    other = Policy(base).load()
    next(other.parameters()).data.add_(0.01)
    other.save_pretrained(tmp_path / "model")
    Policy(base).tokenizer.save_pretrained(tmp_path / "model")
    pd.DataFrame(PROBLEMS).to_parquet(tmp_path / "evaluate.parquet")
    values = params("forensics")
    values["inputs"]["evaluate"] = str(tmp_path / "evaluate.parquet")
    settings = Settings.model_validate(values)
    config = compose("profile=smoke").evaluate
    monkeypatch.chdir(tmp_path)
    show_forensics(tmp_path / "model", base, settings, config)
    assert "no verdicts" in capsys.readouterr().out
    whole(tmp_path / "data/questions/forensics", seen=0.0, right=0.0, apart=5.0)
    show_forensics(tmp_path / "model", base, settings, config)
    printed = capsys.readouterr().out
    assert "18 of 18" in printed and "effective rank" in printed
