"""An export has every completion of a family once, in the shape of lm-evaluation-harness's logged samples."""

import json
from pathlib import Path

import pytest

from r1.reporting.export import export
from r1.support.errors import UserError
from r1.support.tables import write_rows

BOXED, TAGGED, WRONG = r"It is \boxed{\frac12}.", "<think>.</think><answer>1/2</answer>", "说不准\u2028\x1b"
ROWS = [
    {"problem": problem, "family": family, "prompt": f"{family} {problem}?", "answer": "1/2", "completion": completion}
    | {"correct": completion == TAGGED, "lenient_correct": completion != WRONG}
    for problem, family in enumerate(["math_500", "math_500", "aime_2024"])
    for completion in (BOXED, TAGGED, WRONG)
]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("evaluations/zero", "reference/DeepSeek-R1"):
        (tmp_path / "data" / place).mkdir(parents=True)
        write_rows(tmp_path / "data" / place / "samples.parquet", ROWS)


@pytest.mark.parametrize("name", ["zero", "DeepSeek-R1"])
def test_every_completion_is_there_once(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    export(name)
    assert capsys.readouterr().out.split() == [f"data/exports/{name}/{f}.jsonl" for f in ("math_500", "aime_2024")]
    lines = Path(f"data/exports/{name}/math_500.jsonl").read_text().split("\n")
    first, second = map(json.loads, lines[:-1])
    assert (first["doc_id"], second["doc_id"], lines[-1]) == (0, 1, "")
    assert first["doc"] == {
        "problem": "math_500 0?", "question": "math_500 0?", "answer": "1/2", "solution": r"\boxed{1/2}",
    }  # fmt: skip
    assert first["resps"] == [[BOXED, TAGGED, WRONG]] and first["target"] == "1/2"
    assert first["strict"] == [False, True, False] and first["lenient"] == [True, True, False]


def test_what_was_not_evaluated_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"no evaluation is named 'r1'; .* export one of: zero, DeepSeek-R1"):
        export("r1")
    write_rows(Path("data/evaluations/zero/samples.parquet"), [{"problem": 0, "task": "math"}])
    with pytest.raises(UserError, match=r"zero/samples\.parquet is of an older version"):
        export("zero")
