"""A command line's mistakes are one line that names the value, and overrides may stand anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from r1.pipeline.arguments import Parser
from r1.pipeline.cli import main
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["watch", "--port", "x"], "argument --port: 'x': must be a whole number from 1 to 65535"),
        (["watch", "--port", "70000"], "argument --port: '70000': must be a whole number from 1 to 65535"),
        (["serve", "zero", "--port", "0"], "'0': must be a whole number from 1 to 65535"),
        (["inspect", "zero", "--samples", "-1"], "'-1': must be a whole number, at least 0"),
        (["rollouts", "zero", "--limit", "0"], "'0': must be a whole number, at least 1"),
        (["chat", "zero", "--temperature", "inf"], "'inf': must be a number, at least 0"),
        (["chat", "zero", "--top-p", "nan"], "'nan': must be a number above 0, at most 1"),
        (["chat", "zero", "--seed", "2147483648"], "'2147483648': must be a whole number from 0 to 2147483647"),
        (["launch", "stages/zero.py", "--foo"], "unrecognized arguments: --foo"),
        (["inspect", "zero", "prompts"], "unrecognized arguments: prompts"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["r1", *words])
    with pytest.raises(SystemExit, match=message) as ended:
        main()
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["chat", "nope"], "error: no model is named 'nope'; models: base, "),
        (["serve", "zero"], "error: zero has not been made yet: `dvc repro zero` makes it"),
        (["export", "r1", "--to", "x"], "error: r1 has not been made yet: `dvc repro final_rl` makes it"),
        (["forensics", "nope", "--base", "."], "error: nope is no directory"),
        (["readme"], "has no README.md"),
    ],
)
def test_what_is_missing_is_named_before_torch_loads(words: list[str], message: str, tmp_path: Path) -> None:
    code = "import sys; from r1.pipeline.cli import main\ntry: main()\nfinally: print('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1 and ended.stdout == "False\n" and message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["run", "a=1", "b=2", "--to", "x"],
        ["run", "--to", "x", "a=1", "b=2"],
        ["run", "a=1", "--to", "x", "b=2"],
    ],
)
def test_overrides_stand_before_and_after_options(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parser = Parser(prog="test")
    running = parser.add_subparsers(dest="command").add_parser("run")
    running.add_argument("--to")
    running.add_argument("overrides", nargs="*")
    monkeypatch.setattr(sys, "argv", ["test", *words])
    found = parser.parse_args()
    assert (found.to, found.overrides) == ("x", ["a=1", "b=2"])
