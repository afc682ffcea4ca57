"""Rollouts of any kind, the newest first, narrowed as asked."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from r1.training.rollout_log import write_together
from r1.watch.rollouts import LONGEST, SCANNED, SHOWN, Query, Rollouts
from tests.watch.projects import project, rollouts, train


@pytest.fixture
def root(tmp_path: Path) -> Path:
    train(project(tmp_path), steps=3)
    return tmp_path


def finished(root: Path, *tables: pd.DataFrame) -> None:
    """One file with a row group per table, as a finished stage leaves it."""
    parts, folder = root / "parts", root / "data/rollouts/zero"
    for path in (parts, folder):
        path.mkdir(parents=True)
    for number, table in enumerate(tables):
        table.to_parquet(parts / f"part-{number:06d}.parquet", index=False)
    write_together(parts, folder / "rollouts.parquet")


def rows(root: Path, name: str = "zero", **query: Any) -> list[dict[str, Any]]:
    found = Rollouts(root).find(name, Query(**query))
    assert found is not None
    return list(found["rows"])


def test_the_newest_come_first(root: Path) -> None:
    assert [row["step"] for row in rows(root)] == [3] * 4 + [2] * 4 + [1] * 4


CASES: dict[str, tuple[dict[str, Any], int]] = {
    "step": ({"step": 2}, 4),
    "no such step": ({"step": 9}, 0),
    "family": ({"family": "search"}, 6),
    "text of a completion": ({"text": "RIGHT at 3"}, 2),
    "text of a prompt": ({"text": "what is 1 +"}, 4),
    "all three": ({"step": 3, "family": "chain_sum", "text": "right"}, 1),
    "markup is only text": ({"text": "<think>"}, 12),
}


@pytest.mark.parametrize(("query", "found"), CASES.values(), ids=CASES)
def test_filters(query: dict[str, Any], found: int, root: Path) -> None:
    assert len(rows(root, **query)) == found


@pytest.mark.parametrize(
    ("order", "column", "first"), [("high", "advantage", 1.0), ("low", "advantage", -1.0), ("long", "tokens", 31)]
)
def test_orders(order: str, column: str, first: float, root: Path) -> None:
    assert rows(root, order=order)[0][column] == first


def test_any_reward_is_an_order(root: Path) -> None:
    found = Rollouts(root).find("zero", Query(order="reward:accuracy", text="nothing has this"))
    assert found is not None and found["rewards"] == ["accuracy", "format"] and not found["rows"]
    ordered = [row["rewards"]["accuracy"] for row in rows(root, order="reward:accuracy")]
    assert ordered == sorted(ordered, reverse=True) and len(set(ordered)) > 1
    assert rows(root, order="reward:unknown") == rows(root)


def test_a_finished_stage_has_the_same_rollouts_by_row_group(tmp_path: Path) -> None:
    finished(project(tmp_path), rollouts(1), rollouts(4))
    found = Rollouts(tmp_path).find("zero", Query(step=4))
    assert found is not None and found["steps"] == [4, 1] and found["found"] == 4 == found["scanned"]


def test_a_stage_that_trains_again_hides_its_finished_run(root: Path) -> None:
    finished(root, rollouts(100))
    found = Rollouts(root).find("zero", Query())
    assert found is not None and found["steps"] == [3, 2, 1]


def test_unknown_numbers_are_null_and_rewards_are_by_name(root: Path) -> None:
    row = rows(root)[0]
    assert row["sampler_logprob"] is None and row["trainer_logprob"] == -0.5
    assert row["rewards"] == {"accuracy": 0.0, "format": None}


def test_candidates_and_evaluations_are_sources_too(tmp_path: Path) -> None:
    for folder, extra in (("sft", {"reason": "wrong"}), ("evaluations/zero", {"correct": True, "family": "search"})):
        path = tmp_path / "data" / folder / ("candidates.parquet" if folder == "sft" else "samples.parquet")
        path.parent.mkdir(parents=True)
        pd.DataFrame([{"prompt": "p", "answer": "1", "completion": "c", "tokens": 1, **extra}]).to_parquet(path)
    assert Rollouts(project(tmp_path)).sources() == ["rejection_sampling", "evaluate/zero"]
    assert rows(tmp_path, "rejection_sampling")[0]["reason"] == "wrong"
    assert rows(tmp_path, "evaluate/zero")[0]["rewards"] == {"correct": True}


@pytest.mark.parametrize("name", ["", "nothing", "../..", "evaluations/..", "evaluations/../../x", "/etc", "*"])
def test_what_is_no_source_is_not_looked_for(name: str, root: Path) -> None:
    assert Rollouts(root).find(name, Query()) is None
    assert Rollouts(root).whole(name, "1", 0) is None


def test_a_long_text_is_cut_and_can_be_had_whole(root: Path) -> None:
    file = root / "data/.checkpoints/zero/0123456789abcdef/rollouts/part-000004.parquet"
    rollouts(4, 1, "x" * (LONGEST + 5)).to_parquet(file)
    row = rows(root)[1]
    assert len(row["completion"]) == SHOWN and row["cut"] == {"completion": LONGEST + 5}
    whole = Rollouts(root).whole("zero", row["piece"], row["row"])
    assert whole is not None and len(whole["completion"]) == LONGEST
    assert Rollouts(root).whole("zero", row["piece"], 99) is None


def test_control_characters_are_shown_rather_than_obeyed(root: Path) -> None:
    file = root / "data/.checkpoints/zero/0123456789abcdef/rollouts/part-000004.parquet"
    rollouts(4, 1, "a\u202eb\x00\x1b[2J\nc").to_parquet(file)
    assert rows(root)[0]["completion"] == r"a\u202eb\x00\x1b[2J" + "\nc"


def test_a_search_without_a_step_looks_at_the_newest_only(tmp_path: Path) -> None:
    half = SCANNED // 4
    finished(project(tmp_path), *(rollouts(step, half) for step in (1, 2, 3)))
    found = Rollouts(tmp_path).find("zero", Query())
    assert found is not None and found["scanned"] == SCANNED and not found["all"]
    assert found["steps"] == [3, 2, 1]


def test_a_part_that_goes_away_is_no_error(root: Path) -> None:
    reader = Rollouts(root)
    pieces = reader.pieces("zero")
    assert pieces
    gone = [piece for piece in pieces if piece.step != 3]
    for piece in gone:
        piece.file.unlink()
    assert all(not reader._read(piece) for piece in gone)
    found = reader.find("zero", Query())
    assert found is not None and found["steps"] == [3]
    assert reader.find("zero", Query(step=1)) is not None
