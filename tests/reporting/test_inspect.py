"""`inspect` shows what an artifact is, its metrics and its samples, in this order, at any width."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from r1.reporting.inspect import inspect
from r1.support.artifacts import content_hash, write_json, write_manifest
from r1.support.code import code_hash
from r1.support.errors import UserError
from r1.support.tables import write_rows
from tests.committed import committed

SCRIPT = '"""R1-Zero: RL from the base.\n\n    python stages/zero.py\n"""\n'
ROLLOUT = {"step": 2, "prompt": "What is 4 + 4?", "answer": "8", "accuracy_reward": 1.0, "format_reward": 0.0}
SHARE = {"mean": 0.5, "low": 0.25, "high": 0.75, "n": 4}
EVALUATION = {
    "chain_sum_hard": {
        "train": {
            **{"pass_at_1": SHARE, "lenient_pass_at_1": SHARE, "maj_at_k": SHARE},
            "response_tokens": SHARE | {"mean": 12.4},
        }
    },
    "general": {"all": {"preference_win_rate": SHARE}},
}
CLAIM = {"id": "rl_improves", "effect": 0.3281, "low": 0.28, "high": 0.375, "verdict": "reproduced"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one stage, and one input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/zero.py").write_text(SCRIPT)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/input.txt").write_text("2 + 2")
    return tmp_path


def make(
    name: str = "models/zero", rows: list[dict[str, Any]] | None = None, metrics: Any = None, **manifest: Any
) -> Path:
    directory = Path("data", name)
    directory.mkdir(parents=True)
    rows = [ROLLOUT | {"completion": "<answer>8</answer>"}] if rows is None else rows
    write_rows(directory / "samples.parquet", rows)
    write_json(Path("data/metrics/zero.json"), {"loss": 0.25, "flops": 2.5e12} if metrics is None else metrics)
    values = {
        **{"stage": "zero", "seed": 17, "params": {"zero": {"learning_rate": 1e-5}}, "counts": {"rollouts": 12800}},
        **{"inputs": {"data/input.txt": content_hash(Path("data/input.txt"))}, "metrics": "data/metrics/zero.json"},
        **{"code": code_hash(Path("stages/zero.py")), **manifest},
    }
    write_manifest(directory, values)
    return directory


def shown(capsys: pytest.CaptureFixture[str], name: str = "zero", samples: int = 3, params: bool = False) -> str:
    inspect(name, samples, params)
    return capsys.readouterr().out


def test_the_order_is_that_of_a_readers_questions(capsys: pytest.CaptureFixture[str]) -> None:
    make()
    text = shown(capsys, params=True)
    order = ["R1-Zero: RL from the base.", "data/input.txt", "12,800", "2.5e+12", "What is 4 + 4?", "learning_rate"]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "rewards     accuracy 1, format 0" in text


def test_a_run_shows_its_curve(capsys: pytest.CaptureFixture[str]) -> None:
    make()
    assert "curve" not in shown(capsys)
    Path("data/plots").mkdir()
    Path("data/plots/zero.csv").write_text("step,reward\n1,0.25\n2,1.5\n")
    assert "▁█" in shown(capsys)


def test_what_git_has_of_a_question_s_report_is_no_stage_s(capsys: pytest.CaptureFixture[str]) -> None:
    """A fresh clone has such pages, whose manifests name no stage."""
    page = Path("data/questions/degradation/report")
    page.mkdir(parents=True)
    write_manifest(page, {"artifact": str(page)})
    make()
    assert "R1-Zero" in shown(capsys)
    with pytest.raises(UserError, match=r"inspect one of: zero$"):
        inspect("report", 3, params=False)


def test_the_manifests_in_git_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(committed())
    with pytest.raises(UserError, match="no artifact or stage is named 'nothing'"):
        inspect("nothing", 3, params=False)


def test_an_arm_is_made_by_its_question_s_script(capsys: pytest.CaptureFixture[str]) -> None:
    script = Path("experiments/degradation/arm.py")
    script.parent.mkdir(parents=True)
    script.write_text('"""Ten generations.\n\nMore."""\n')
    make("questions/degradation/arms/verified-1", stage="arm", code=code_hash(script))
    text = shown(capsys, "verified-1")
    assert "Ten generations." in text and "experiments/degradation/arm.py, seed 17 (code unchanged)" in text


def test_parameters_are_shown_on_request_only(capsys: pytest.CaptureFixture[str]) -> None:
    make()
    text = shown(capsys)
    assert "learning_rate" not in text and "--params" in text
    assert text.index("What is 4 + 4?") < text.index("--params")


def test_suspect_gold_answers_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"prompt": "2 + 2?", "task": "math", "answer": "5", "voted": "4", "agreeing": 3, "samples": 4}
    make(metrics={"prompts": {"chosen": 7, "suspect_gold": 1}})
    write_rows(Path("data/models/zero/suspect_gold.parquet"), [row])
    text = shown(capsys)
    assert "prompts.suspect_gold" in text and "suspect_gold.parquet: 1 of 1 rows" in text
    assert "voted    4 " in text and "agreeing 3" in text


def change(what: str, artifact: Path) -> None:
    if what == "code":
        Path("stages/zero.py").write_text(SCRIPT + "x = 1\n")
    elif what == "stage":
        Path("stages/zero.py").unlink()
    elif what == "input":
        Path("data/input.txt").write_text("2 + 3")
    elif what == "no input":
        Path("data/input.txt").unlink()
    elif what == "contents":
        write_rows(artifact / "samples.parquet", [ROLLOUT])


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("nothing", "stages/zero.py, seed 17 (code unchanged)"),
        ("nothing", "data/input.txt (unchanged)"),
        ("nothing", "contents   as written"),
        ("code", "stages/zero.py, seed 17 (code changed since)"),
        ("stage", "stages/zero.py, seed 17 (code missing)"),
        ("input", "data/input.txt (changed since)"),
        ("no input", "data/input.txt (missing)"),
        ("contents", "contents   changed since they were written"),
    ],
)
def test_it_says_what_has_changed_since(what: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    change(what, make())
    assert line in shown(capsys)


def test_many_inputs_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    missing = {f"data/runs/{number}": "0" for number in range(20)}
    make(inputs=missing | {f"/elsewhere/{number}": "0" for number in range(20)})
    text = shown(capsys)
    assert "20 inputs (missing)" in text and "20 inputs (outside data/)" in text


LONG = {
    "words": "wait, let me check that again " * 20,
    "one word": "8" * 500,
    "chinese": "先算二加二等于四，再验算一遍。" * 20,
    "control": "\x1b[2J\x07\x08\r\u202e" * 40,
}


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("completion", LONG.values(), ids=LONG.keys())
def test_completions_wrap_to_the_terminal(
    completion: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    make(rows=[ROLLOUT | {"completion": completion}], params={completion: completion})
    text = shown(capsys)
    assert [line for line in text.splitlines() if cell_len(line) > width] == []
    assert "…" not in text
    unwrapped = "".join(text.partition("completion")[2].partition("answer")[0].split())
    assert unwrapped.count(unwrapped[:4]) >= 20, "all of it is shown"


def test_an_evaluation_is_a_table_of_families_and_levels(capsys: pytest.CaptureFixture[str]) -> None:
    make(metrics=EVALUATION, counts={})
    lines = [" ".join(line.split()) for line in shown(capsys).splitlines()]
    assert "family level [%] [%] [%] [%] tokens" in lines
    assert "chain_sum_hard train 50 [25, 75] 50 50 - 12" in lines
    assert "general.preference_win_rate [%] 50 [25, 75]" in lines


EVALUATIONS = sorted((committed() / "data/metrics/evaluate").glob("*.json"))


@pytest.mark.parametrize("path", EVALUATIONS, ids=lambda path: path.stem)
def test_evaluations_fit_80_columns(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = json.loads(path.read_text())
    for levels in values.values():  # the committed run may be older than the lenient reading
        for group in levels.values():
            group.setdefault("lenient_pass_at_1", {"mean": 1.0, "low": 1.0, "high": 1.0, "n": 4})
    make(metrics=values)
    text = shown(capsys)
    assert max(cell_len(line.rstrip()) for line in text.splitlines()) <= 80
    assert " complex_arithmetic  transfer " in text, "no cell is folded"


def test_claims_are_a_table_of_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    make(metrics=[CLAIM])
    assert "rl_improves reproduced +0.328 [+0.28, +0.375]" in [
        " ".join(line.split()) for line in shown(capsys).splitlines()
    ]


def test_only_headline_metrics_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    make(metrics={"reasons": {"kept": 3}, "phases": {"train": {"seconds_per_step": 0.5}}})
    text = shown(capsys)
    assert "reasons.kept" in text and "seconds_per_step" not in text and "data/metrics/zero.json" in text


def test_metrics_of_several_artifacts_are_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    make("prompts"), make("corpus")
    assert shown(capsys).count("2.5e+12") == 1


def test_a_model_comes_before_its_evaluation(capsys: pytest.CaptureFixture[str]) -> None:
    make("evaluations/zero", stage="evaluate"), make("models/zero")
    text = shown(capsys)
    assert text.index("data/models/zero") < text.index("data/evaluations/zero")


ROWS: dict[str, tuple[list[dict[str, Any]], list[str], list[str]]] = {
    "last step": ([ROLLOUT | {"step": 1, "prompt": "early"}, ROLLOUT], ["What is 4 + 4?", "1 of 2 rows"], ["early"]),
    "each reason": (
        [{"prompt": reason, "reason": reason} for reason in ("wrong", "wrong", "kept", "duplicate", "truncated")],
        ["wrong", "kept", "duplicate", "truncated", "4 of 5 rows, one for each reason"],
        [],
    ),
    "no reward for a general prompt": ([{"prompt": "Hi", "accuracy_reward": None}], ["Hi"], ["accuracy", "nan"]),
    "no answer": ([{"prompt": "Hi", "answer": ""}], ["answer  (none)"], []),
    "a list": ([{"prompt": "Hi", "tests": ["f(1)", "f(2)"]}], ["f(1)", "f(2)"], []),
    "numbers alone": ([{"pass_at_1": 0.5}], ["0 of 1 rows"], ["pass_at_1"]),
}


@pytest.mark.parametrize(("rows", "present", "absent"), ROWS.values(), ids=ROWS.keys())
def test_samples_are_chosen_to_tell_the_most(
    rows: list[dict[str, Any]], present: list[str], absent: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    make(rows=rows)
    text = shown(capsys)
    assert [part for part in present if part not in text] == [] == [part for part in absent if part in text]
