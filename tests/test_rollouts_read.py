"""One reader for RL rollouts, candidates and samples, of finished stages and of one that trains."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from r1.rollouts import COLUMNS, NoRollouts, read, sources

RL: dict[str, Any] = {
    "group": 0, "family": "search", "prompt": "p", "answer": "4", "completion": "c", "tokens": 1, "truncated": False,
    "reward": 1.0, "advantage": 0.5, "reward_accuracy": 1.0,
}  # fmt: skip


def write(file: Path, **row: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([row]).to_parquet(file, index=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    write(data / "rollouts/zero/rollouts.parquet", step=1, **RL)
    write(data / "sft/candidates.parquet", prompt="p", completion="c", tokens=1, source="reasoning_rl", reason="wrong")
    write(data / "evaluations/r1/samples.parquet", problem=0, prompt="p", completion="c", family="search", correct=True)
    return tmp_path


@pytest.mark.parametrize(
    ("stage", "own"),
    [
        ("zero", ["reward_accuracy"]),
        ("rejection_sampling", ["source", "reason"]),
        ("evaluate/r1", ["problem", "correct"]),
    ],
)
def test_every_kind_has_the_same_columns_and_then_its_own(stage: str, own: list[str], project: Path) -> None:
    table = read(stage, project)
    assert list(table) == [*COLUMNS, *own]
    assert table["completion"].tolist() == ["c"]


def test_a_stage_that_trains_shows_its_parts_in_order_instead_of_its_last_run(project: Path) -> None:
    live = project / "data/.checkpoints/zero/0123/rollouts"
    for step in (10, 2):
        write(live / f"part-{step:06d}.parquet", step=step, **RL)
    (live / ".part-000011.parquet.tmp").write_bytes(b"half")
    assert read("zero", project)["step"].tolist() == [2, 10]


def test_a_part_that_goes_away_meanwhile_is_left_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = project / "data/.checkpoints/zero/0123/rollouts"
    for step in (1, 2):
        write(live / f"part-{step:06d}.parquet", step=step, **RL)
    listed = sources(project)
    (live / "part-000001.parquet").unlink()
    monkeypatch.setattr("r1.rollouts.sources", lambda _: listed)
    assert read("zero", project)["step"].tolist() == [2]
    (live / "part-000002.parquet").unlink()
    with pytest.raises(NoRollouts, match="were replaced while they were read"):
        read("zero", project)


def test_a_damaged_file_is_named(project: Path) -> None:
    file = project / "data/rollouts/zero/rollouts.parquet"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(NoRollouts, match=r"zero/rollouts.parquet cannot be read \(.*\): `dvc checkout`"):
        read("zero", project)


def test_an_unknown_stage_is_told_what_there_is(project: Path, tmp_path: Path) -> None:
    with pytest.raises(NoRollouts, match=r"of 'sero'; there are those of: zero, rejection_sampling, evaluate/r1"):
        read("sero", project)
    with pytest.raises(NoRollouts, match="nothing yet"):
        read("zero", tmp_path / "empty")
