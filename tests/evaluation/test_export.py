"""An evaluation's samples leave in the forms that lighteval and lm-evaluation-harness read."""

import json
from pathlib import Path

import pandas as pd
import pytest

from r1.evaluation.export import export_samples
from r1.pipeline.cli import main
from r1.support.errors import UserError

ROWS = [
    {"problem": 0, "prompt": "3 + 1?", "family": "math_500", "level": "all", "answer": "4", "completion": "\\boxed{4}"},
    {"problem": 0, "prompt": "3 + 1?", "family": "math_500", "level": "all", "answer": "4", "completion": "答案：5"},
    {"problem": 1, "prompt": "A or b?", "family": "games", "level": "e", "answer": "b", "completion": "b"},
]
CORRECT = [True, False, True]


@pytest.fixture(autouse=True)
def evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/evaluations/zero"
    folder.mkdir(parents=True)
    rows = [row | {"correct": correct} for row, correct in zip(ROWS, CORRECT, strict=True)]
    pd.DataFrame(rows).to_parquet(folder / "samples.parquet")


def test_two_files_per_family(tmp_path: Path) -> None:
    names = [path.name for path in export_samples("zero", tmp_path / "out/deep")]
    families = ("math_500", "games")
    assert names == [name for one in families for name in (f"samples_{one}.jsonl", f"details_{one}.parquet")]
    assert {path.name for path in (tmp_path / "out/deep").iterdir()} == set(names)


def test_lm_evaluation_harness_gets_a_line_per_completion(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in export_samples("zero", tmp_path)[0].read_text("utf-8").splitlines()]
    assert [line["doc_id"] for line in lines] == [0, 0]
    assert [line["filtered_resps"] for line in lines] == [["\\boxed{4}"], ["答案：5"]]
    assert [line["resps"] for line in lines] == [[["\\boxed{4}"]], [["答案：5"]]]
    assert [line["exact_match"] for line in lines] == [1.0, 0.0]
    assert all(line["target"] == "4" and line["doc"]["question"] == "3 + 1?" for line in lines)
    assert lines[0]["doc"]["solution"] == "\\boxed{4}" and lines[0]["doc_hash"] == lines[1]["doc_hash"]


def test_lighteval_gets_a_row_per_problem(tmp_path: Path) -> None:
    (row,) = pd.read_parquet(export_samples("zero", tmp_path)[1]).to_dict("records")
    assert row["doc"]["query"] == "3 + 1?" and list(row["doc"]["choices"]) == ["4"]
    assert list(row["model_response"]["text"]) == ["\\boxed{4}", "答案：5"]
    assert row["metric"] == {"exact_match": 0.5}


def test_an_unknown_model_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no evaluation of 'r1' .* evaluated models: zero"):
        export_samples("r1", tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to"):
        export_samples("zero", tmp_path / "file")


def test_a_measured_checkpoint_is_exported_like_a_model(tmp_path: Path) -> None:
    (tmp_path / "data/reference").mkdir()
    (tmp_path / "data/evaluations/zero").rename(tmp_path / "data/reference/R1-Distill")
    assert len(export_samples("R1-Distill", tmp_path)) == 4


def test_an_evaluation_of_an_older_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data/evaluations/zero/samples.parquet"
    pd.read_parquet(path).drop(columns="family").to_parquet(path)
    with pytest.raises(UserError, match=r"zero/samples\.parquet is of an older version"):
        export_samples("zero", tmp_path)


def test_the_command_prints_what_it_wrote(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["r1", "export-samples", "zero", "--to", "out"])
    main()
    assert capsys.readouterr().out.splitlines() == [str(path) for path in export_samples("zero", Path("out"))]
