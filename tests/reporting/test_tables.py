"""The report's tables: every model on every level, budgets, tries, right steps, forbidden words."""

from typing import Any

import pandas as pd

from r1.reporting.tables import by_budget, by_competence, by_intervention, by_tries, headline
from tests.conftest import compose

CONFIG = compose("evaluate.bootstrap_resamples=50").evaluate


def estimate(mean: float) -> dict[str, Any]:
    return {"pass_at_1": {"mean": mean, "low": mean - 0.1, "high": mean + 0.1, "n": 4}}


def test_every_model_stands_once_with_all_levels() -> None:
    summary = {
        "complex": {"transfer": estimate(0.1)},
        "sums": {"hard": estimate(0.2), "train": estimate(0.3)},
        "aime_2024": {"hard": estimate(0.4)},
        "general": {"all": {"preference_win_rate": 0.5}},
    }
    table = headline({"base": summary, "zero": summary, "cold_start": summary})
    assert table.header == [
        "model", "trained: sums %", "harder: sums %", "harder: aime_2024 %", "paper: AIME 2024 %",
        "transfer: complex %",
    ]  # fmt: skip
    ours = ["30.0 [20.0, 40.0]", "20.0 [10.0, 30.0]", "40.0 [30.0, 50.0]"]
    assert table.rows == [
        ["base", *ours, "15.6 (DeepSeek-V3-Base)", "10.0 [0.0, 20.0]"],
        ["zero", *ours, "71.0 (DeepSeek-R1-Zero)", "10.0 [0.0, 20.0]"],
        ["cold_start", *ours, "", "10.0 [0.0, 20.0]"],
    ]


def test_budgets_are_columns() -> None:
    rows = [(level, budget, budget / 32) for level in ("train", "hard") for budget in (8, 16, 32) for _ in range(2)]
    measured = pd.DataFrame(rows, columns=["level", "budget", "lenient_pass_at_1"])
    table = by_budget({"base": measured.assign(lenient_pass_at_1=0.0), "zero": measured}, CONFIG)
    assert table.header == ["level", "model", "8", "16", "32"]
    assert [row[:2] for row in table.rows] == [
        ["trained", "base"], ["trained", "zero"], ["harder", "base"], ["harder", "zero"],
    ]  # fmt: skip
    assert table.rows[1][2:] == ["25.0 [25.0, 25.0]", "50.0 [50.0, 50.0]", "100.0 [100.0, 100.0]"]


def test_tries_are_of_the_trained_level() -> None:
    rows = [(0, "train", 0, True), (0, "train", 9, False), (1, "hard", 1, True)]
    samples = pd.DataFrame(rows, columns=["problem", "level", "reflections", "lenient_correct"])
    assert by_tries({"zero": samples}, CONFIG).rows == [
        ["zero", "1", "1", "1", "100.0 [100.0, 100.0]"],
        ["zero", "5 or more", "1", "1", "0.0 [0.0, 0.0]"],
    ]


def test_words_are_forbidden_beside_the_same_model_with_them() -> None:
    usual = pd.DataFrame({"level": ["train"] * 2, "lenient_pass_at_1": 0.5, "reflection_rate": 0.25})
    without = usual.assign(lenient_pass_at_1=0.25, reflection_rate=0.0)
    (row,) = by_intervention({"zero": usual}, {"zero": without}, CONFIG).rows
    assert row[:2] == ["trained", "zero"]
    assert [cell.split()[0] for cell in row[2:]] == ["50.0", "25.0", "25.0", "0.0"]


def test_steps_are_rows_and_models_columns() -> None:
    asked = {"prompt": "Find x: 4 * x + 5 = 13.", "task": "search", "family": "search", "level": "train"}
    base = pd.DataFrame([asked | {"problem": 0, "completion": "Try 1: 4 + 5 = 8, not 13.\nWait, 3 + 1 = 4."}])
    table = by_competence({"base": base, "zero": base.assign(completion="2 + 2 = 4")}, CONFIG)
    assert table.header == ["family", "step", "base", "zero"]
    assert [row[:2] for row in table.rows][:2] == [["search", "operation"], ["search", "next try"]]
    assert table.rows[0][2:] == ["50.0 [50.0, 50.0]", "100.0 [100.0, 100.0]"]
    assert table.rows[1][2:] == ["100.0 [100.0, 100.0]", ""]
