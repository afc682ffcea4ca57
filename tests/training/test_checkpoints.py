"""Checkpoints: supervised runs survive being killed to the byte, damage is noticed, and a stop keeps what is good."""

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from r1.models.chat import TEMPLATES
from r1.models.loading import load_tokenizer
from r1.pipeline.run import Run, Sections
from r1.support.errors import DiskFull, UserError
from r1.training.context import STOPPED
from r1.training.guards import Stopped
from r1.training.recorder import Recorder
from tests.conftest import ROOT
from tests.trainings import (
    EVERY,
    SMOKE,
    STEPS,
    Training,
    brevity,
    context,
    dense,
    finetuned,
    killed_in,
    preferring,
    pretrained,
    reinforced,
)

pytestmark = pytest.mark.slow

trainings = pytest.mark.parametrize("training", [pretrained, finetuned, preferring])


def outcome(training: Training, base: Path, tmp_path: Path) -> tuple[Any, ...]:
    trained = training(base, context(tmp_path))
    weights = b"".join(value.numpy().tobytes() for _, value in sorted(trained.model.state_dict().items()))
    timeless = {key: value for key, value in trained.metrics.items() if "seconds" not in key and "second" not in key}
    return hashlib.sha256(weights).hexdigest(), (tmp_path / "curve.csv").read_text(), timeless


@pytest.fixture(scope="module")
def undisturbed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Training], tuple[Any, ...]]:
    return cache(lambda training: outcome(training, dense(tiny_model), tmp_path_factory.mktemp("whole")))


def steps(checkpoints: Path) -> list[str]:
    return sorted(path.name for path in checkpoints.glob("checkpoint-*"))


@trainings
@pytest.mark.parametrize(
    "step", [2, 4, 7, 9], ids=["without a checkpoint", "within an epoch", "at its end", "last step"]
)
def test_a_killed_run_ends_as_an_undisturbed_one(
    training: Training,
    step: int,
    undisturbed: Callable[[Training], Any],
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert undisturbed(training)[1].count("\n") == STEPS + 1
    with killed_in(step):
        outcome(training, tiny_model, tmp_path)
    capsys.readouterr()
    assert outcome(training, tiny_model, tmp_path) == undisturbed(training)
    last = (step - 1) // EVERY * EVERY
    assert (f"resuming from {tmp_path}/checkpoints/checkpoint-{last}" in capsys.readouterr().out) == (last > 0)


@pytest.mark.parametrize(
    ("file", "damaged"), [("model.safetensors", 1), ("optimizer.pt", 1), ("recorded.json", 1), ("manifest.json", 2)]
)
def test_a_damaged_checkpoint_is_noticed(
    file: str,
    damaged: int,
    undisturbed: Callable[[Training], Any],
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with killed_in(7):
        outcome(finetuned, dense(tiny_model), tmp_path)
    kept = steps(tmp_path / "checkpoints")
    assert kept == ["checkpoint-4", "checkpoint-6"]
    for name in kept[-damaged:]:
        path = tmp_path / "checkpoints" / name / file
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    capsys.readouterr()
    assert outcome(finetuned, tiny_model, tmp_path) == undisturbed(finetuned)
    said = capsys.readouterr().out
    assert said.count("is incomplete or damaged") == damaged
    assert ("resuming from" in said) == (damaged == 1)


def test_a_disk_that_is_full_is_named_and_no_half_checkpoint_stays(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with killed_in(3):
        outcome(finetuned, dense(tiny_model), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("r1.training.checkpoints.write_text", full)
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        with pytest.raises(DiskFull, match=f"no space left for {tmp_path}/checkpoints"):
            outcome(finetuned, tiny_model, tmp_path)
    assert steps(tmp_path / "checkpoints") == ["checkpoint-2"]


@contextmanager
def broken_after(step: int) -> Iterator[None]:
    """The update of a step breaks the weights, unseen until the next step's loss."""

    def on_step_end(self: Recorder, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        if state.global_step == step:
            with torch.no_grad():
                next(model.parameters()).fill_(torch.nan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "on_step_end", on_step_end)
        yield


@trainings
def test_a_stopped_run_keeps_its_last_good_checkpoint_its_curve_and_a_diagnosis(
    training: Training, tiny_model: Path, tmp_path: Path
) -> None:
    folder, good = tmp_path / "checkpoints", tmp_path / "checkpoints" / "checkpoint-2"
    with broken_after(4), pytest.raises(Stopped, match="stopped at step 5 of 9: loss is nan") as stopped:
        training(dense(tiny_model), context(tmp_path))
    assert steps(folder) == ["checkpoint-2"], "the one of step 4 has the broken weights"
    assert str(good) in str(stopped.value) and (folder / STOPPED).read_text() == str(stopped.value)
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert len(curve) == 5 and curve["loss"].isna().tolist() == [False] * 4 + [True]
    assert (folder / "curve.csv").read_text() == (tmp_path / "curve.csv").read_text()
    assert not list(folder.rglob("training_args.bin"))
    if training is not preferring:
        assert AutoModelForCausalLM.from_pretrained(good).num_parameters() > 0
    tokenizer = AutoTokenizer.from_pretrained(good)
    assert tokenizer.chat_template == (
        TEMPLATES["chat"] if training is finetuned else load_tokenizer(tiny_model).chat_template
    )


def test_a_stop_without_a_good_checkpoint_says_so(tiny_model: Path, tmp_path: Path) -> None:
    with broken_after(2), pytest.raises(Stopped, match="no checkpoint predates that"):
        finetuned(dense(tiny_model), context(tmp_path))
    assert steps(tmp_path / "checkpoints") == []


def test_reinforcement_learning_keeps_the_checkpoint_from_before_the_trouble(tiny_model: Path, tmp_path: Path) -> None:
    calls = 0

    def dying(**arguments: Any) -> list[float | None]:
        nonlocal calls
        calls += 1
        values = brevity(**arguments)
        return values if calls < 4 else [0.0] * len(values)

    rl = SMOKE.rl.model_copy(update={"checkpoint_steps": 1, "patience": 3})
    with pytest.raises(Stopped, match=r"stopped at step 6 of 12: no group .*since step 4"):
        reinforced(dense(tiny_model), context(tmp_path), dying, rl, steps=12)
    assert steps(tmp_path / "checkpoints") == ["checkpoint-2"]
    good = tmp_path / "checkpoints" / "checkpoint-2"
    assert AutoModelForCausalLM.from_pretrained(good, use_safetensors=True).num_parameters() > 0
    assert AutoTokenizer.from_pretrained(good).chat_template == load_tokenizer(tiny_model).chat_template
    assert len(pd.read_csv(tmp_path / "curve.csv")) == 6


# --- a stage's folder of checkpoints ----------------------------------------


def stage_run(learning_rate: float) -> Run[Sections]:
    return Run("zero", Sections(seed=1), {"learning_rate": learning_rate}, ROOT / "stages" / "zero.py")


def test_checkpoints_go_when_the_artifact_is_whole_or_the_run_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt), stage_run(0.1).checkpoints({}) as first:
        raise KeyboardInterrupt
    with stage_run(0.1).checkpoints({}) as again:
        assert again == first and first.is_dir()
    assert not first.exists()
    with pytest.raises(KeyboardInterrupt), stage_run(0.1).checkpoints({}):
        raise KeyboardInterrupt
    with stage_run(0.2).checkpoints({}) as other:
        assert other != first and not first.exists()


def test_a_stopped_run_stays_and_is_not_run_again_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError), stage_run(0.1).checkpoints({}) as first:
        (first / STOPPED).write_text("stopped at step 5")
        raise UserError
    for _ in range(2):
        with stage_run(0.2).checkpoints({}):
            assert first.is_dir()
        with pytest.raises(UserError, match="zero is not run again with the same settings: it stopped at step 5"):
            stage_run(0.1).checkpoints({}).__enter__()
    (first / STOPPED).unlink()
    with stage_run(0.1).checkpoints({}) as again:
        assert again == first
