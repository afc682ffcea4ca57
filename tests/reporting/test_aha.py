"""The 'aha' figure: curves with marks, and excerpts of one problem or of each step's."""

from pathlib import Path

import pandas as pd
import pytest

from r1.reporting.aha import PANELS, draw_aha, read_rollouts

LOG = pd.DataFrame({"step": range(1, 101), **{panel.column: [0.01 * n for n in range(100)] for panel in PANELS}})


def group(step: int, prompt: str, *completions: str) -> list[dict[str, object]]:
    return [
        {"step": step, "prompt": prompt, "answer": "4", "completion": text, "tokens": len(text)}
        | {"reward": 1.5, "reward_accuracy": 1.0, "reward_format": None}
        for text in completions
    ]


def table(*groups: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame([row for rows in groups for row in rows])


EACH = table(
    group(1, "calm", "4", "44", "444"),
    group(1, "often", "wait, 4"),
    group(30, "calm", "5"),
    group(67, "often", "Wait. Check.", "x" * 30, "wait"),
    group(70, "other", "5"),
    group(100, "calm", "<b>4</b>"),
)


def test_without_a_recurring_problem_each_step_shows_the_one_that_reflects_most() -> None:
    aha = draw_aha(LOG, EACH)
    assert [(one.label, one.step, one.prompt) for one in aha.excerpts] == [
        ("1", 1, "often"), ("2", 30, "calm"), ("3", 67, "often"), ("4", 100, "calm"),
    ]  # fmt: skip
    assert aha.chosen.startswith("At each of four steps")
    assert aha.excerpts[2].completion == "<mark>Wait</mark>. <mark>Check</mark>.", "of median length"
    assert aha.excerpts[3].completion == "&lt;b&gt;4&lt;/b&gt;"
    assert aha.excerpts[0].rewards == {"accuracy": 1.0} and aha.excerpts[0].tokens == 7


def test_a_problem_that_recurs_is_shown_at_all_four_steps() -> None:
    recurring = [group(step, "again", f"{step}") for step in (2, 35, 50, 68, 99)]
    reflecting = [group(step, "again, wait", f"wait {step}") for step in (3, 36, 66, 98)]
    aha = draw_aha(LOG, pd.concat([EACH, table(*recurring, *reflecting)], ignore_index=True))
    assert [(one.step, one.prompt) for one in aha.excerpts] == [(s, "again, wait") for s in (3, 36, 66, 98)]
    assert aha.chosen.startswith("One problem at four steps")


def test_a_problem_too_far_from_the_steps_does_not_count_as_recurring() -> None:
    far = [group(step, "wait", f"wait {step}") for step in (1, 50, 67, 100)]
    assert draw_aha(LOG, pd.concat([EACH, table(*far)], ignore_index=True)).chosen.startswith("At each")


@pytest.mark.parametrize("steps", [[5], [1, 2], [1, 2, 3]])
def test_a_short_run_shows_each_step_once(steps: list[int]) -> None:
    aha = draw_aha(LOG, table(*(group(step, f"p{step}", "4") for step in steps)))
    assert [one.step for one in aha.excerpts] == steps


@pytest.mark.parametrize("rollouts", [None, EACH.head(0)], ids=["none", "empty"])
def test_without_rollouts_there_are_curves_alone(rollouts: pd.DataFrame | None) -> None:
    aha = draw_aha(LOG, rollouts)
    assert not aha.excerpts and aha.figure.count("<svg") == len(PANELS)
    assert 'class="mark"' not in aha.figure


def test_excerpts_are_marked_in_every_panel() -> None:
    assert draw_aha(LOG, EACH).figure.count('class="mark"') == 4 * len(PANELS)


def test_the_same_rollouts_give_the_same_figure() -> None:
    assert draw_aha(LOG, EACH) == draw_aha(LOG.copy(), EACH.copy())


def test_rollouts_are_read_whatever_their_files_and_the_stage_s_samples_otherwise(tmp_path: Path) -> None:
    assert read_rollouts(tmp_path) is None
    model = tmp_path / "models/zero"
    model.mkdir(parents=True)
    named = {"reward_accuracy": "accuracy_reward", "reward_format": "format_reward"}
    EACH.drop(columns=["tokens", "reward"]).rename(columns=named).to_parquet(model / "samples.parquet")
    old = read_rollouts(tmp_path)
    assert old is not None and len(old) == len(EACH)
    excerpt = draw_aha(LOG, old).excerpts[0]
    assert excerpt.tokens is None and excerpt.rewards == {"accuracy": 1.0}
    parts = tmp_path / "rollouts/zero"
    parts.mkdir(parents=True)
    EACH.head(4).to_parquet(parts / "part-000001.parquet")
    EACH.tail(-4).to_parquet(parts / "part-000067.parquet")
    new = read_rollouts(tmp_path)
    assert new is not None and list(new["completion"]) == list(EACH["completion"])
    assert draw_aha(LOG, new).excerpts[0].rewards == {"accuracy": 1.0}
