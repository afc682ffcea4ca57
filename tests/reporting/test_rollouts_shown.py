"""Rollouts on the terminal: filters, order, and text that is not obeyed."""

from pathlib import Path

import pandas as pd
import pytest

from r1.reporting.rollouts import show_rollouts
from r1.rollouts import NoRollouts

TEXTS = ("Try 1", "Wait, try 2", "\x1b[2J[bold]Wait\u202e")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "data/rollouts/zero/rollouts.parquet"
    file.parent.mkdir(parents=True)
    rows = [
        {"step": step, "group": 0, "family": family, "prompt": "p", "answer": "4", "completion": text, "tokens": 3}
        | {"advantage": advantage, "reward": None}
        for step, family in ((1, "search"), (2, "chain_sum"))
        for text, advantage in zip(TEXTS, (-1.0, 0.5, 2.0), strict=True)
    ]
    pd.DataFrame(rows).to_parquet(file, index=False)
    monkeypatch.chdir(tmp_path)


def test_filters_and_order(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollouts("zero", step=2, family="chain_sum", grep="Wait|Try", sort="advantage", limit=2)
    shown = capsys.readouterr().out
    assert "2 of 3 that match, of 6" in shown
    assert shown.index("advantage 2,") < shown.index("advantage 0.5,") and "advantage -1" not in shown


def test_text_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollouts("zero", limit=6)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\u202e" not in shown and r"\x1b[2J[bold]Wait\u202e" in shown


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"step": 9}, "--step 9: no rollouts with it; there are those of step 1, 2"),
        ({"family": "code"}, "--family code: .* of family search, chain_sum"),
        ({"sort": "reward"}, "--sort reward: no such column with values; there are step, group, family, tokens"),
        ({"sort": "nonsense"}, "--sort nonsense"),
        ({"grep": "("}, "--grep '\\(': not a regular expression"),
        ({"grep": "never"}, "none of 6 rollouts of zero match"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(asked: dict[str, object], said: str) -> None:
    with pytest.raises(NoRollouts, match=said) as caught:
        show_rollouts("zero", **asked)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
