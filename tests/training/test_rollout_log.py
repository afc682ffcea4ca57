"""Rollouts on disk: everything within the budget, thinned evenly beyond it, the same files after a kill."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from r1.training.recorder import Recorder
from r1.training.rollout_log import RolloutLog, write_together

HOSTILE = "\x1b[2J\u202e</script>\x00 Wait, \U0001f600"


def rows(step: int, text: str = "") -> list[dict[str, Any]]:
    """Two rollouts whose size does not depend on the step."""
    known = {"family": None, "task": "search", "level": None, "prompt": "2 + 2?", "answer": "4", "tokens": 3}
    unknown = {"advantage": None, "sampler_logprob": None, "trainer_logprob": None}
    return [
        {"group": 0, **known, "completion": text or f"{step:06d} {n}", "truncated": False, "reward": 1.0, **unknown}
        for n in range(2)
    ]


def log_in(folder: Path, record: Recorder | None = None) -> RolloutLog:
    return RolloutLog(folder, 1, record or Recorder(folder / "curve.csv"))


def steps(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("part-")) for path in folder.iterdir())


def limited(log: RolloutLog, parts: int) -> RolloutLog:
    """Set the budget to that many parts and a half."""
    other = log_in(log.folder.parent / "one")
    other.add(1, rows(1))
    log.budget = int((parts + 0.5) * (log.folder.parent / "one" / "part-000001.parquet").stat().st_size)
    return log


@pytest.mark.parametrize(
    ("parts", "last", "expected"),
    [
        (9, 8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (4, 5, [1, 3, 4, 5]),
        (4, 9, [1, 7, 8, 9]),
        (1, 3, [3]),
        (0, 3, [3]),
    ],
    ids=["all fit", "one goes", "the older ones are sparser", "one fits", "the newest always stays"],
)
def test_beyond_the_budget_the_oldest_rounds_are_thinned_and_it_is_said(
    parts: int, last: int, expected: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "r1")
    log = limited(log_in(tmp_path / "run"), parts)
    for step in range(1, last + 1):
        log.add(step, rows(step))
    assert steps(tmp_path / "run") == expected == [step for step, _ in log.record.kept_rollouts["parts"]]
    said = f"{len(expected)} of {last} are kept"
    assert (said in caplog.text) == (len(expected) < last)


@pytest.mark.parametrize("killed", range(5, 13))
def test_a_resumed_run_leaves_the_files_of_an_undisturbed_one(killed: int, tmp_path: Path) -> None:
    whole = limited(log_in(tmp_path / "whole"), 4)
    for step in range(1, 13):
        whole.add(step, rows(step))
    before = limited(log_in(tmp_path / "run"), 4)
    for step in range(1, 5):
        before.add(step, rows(step))
    checkpoint = json.dumps(before.record.state())
    for step in range(5, killed + 1):
        before.add(step, rows(step))
    (tmp_path / "run" / ".part-000099.parquet.tmp").write_bytes(b"half")

    resumed = Recorder(tmp_path / "curve.csv")
    resumed.restore(json.loads(checkpoint))
    after = limited(log_in(tmp_path / "run", resumed), 4)
    for step in range(5, 13):
        after.add(step, rows(step))
    found = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("run", "whole")]
    assert found[0] == found[1]


def test_a_fresh_run_removes_what_another_left(tmp_path: Path) -> None:
    log_in(tmp_path / "run").add(7, rows(7))
    log_in(tmp_path / "run").add(1, rows(1))
    assert steps(tmp_path / "run") == [1]


def test_the_table_has_all_parts_with_the_same_types_and_the_text_as_it_was(tmp_path: Path) -> None:
    log = log_in(tmp_path / "run")
    log.add(1, rows(1, HOSTILE))
    log.add(2, [{**row, "family": "search", "advantage": 0.5} for row in rows(2)])
    assert write_together(tmp_path / "run", tmp_path / "rollouts.parquet") == 2
    table = pd.read_parquet(tmp_path / "rollouts.parquet")
    assert table["step"].tolist() == [1, 1, 2, 2]
    assert table["completion"].tolist()[:2] == [HOSTILE, HOSTILE]
    assert table["family"].isna().tolist() == table["advantage"].isna().tolist() == [True, True, False, False]
    schema = pq.read_schema(tmp_path / "rollouts.parquet")
    assert str(schema.field("sampler_logprob").type) == "float" and "string" in str(schema.field("level").type)
