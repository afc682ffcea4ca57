"""docs/plugins.md works as it stands: its code, its overrides, through validation, prepare and the reward."""

import re
import sys
from pathlib import Path

import pytest

from r1 import plugins
from r1.data.prepare import prepare
from r1.pipeline.compose import compose, validate
from r1.pipeline.plugins import write_uses
from r1.plugins import use_folder
from r1.rewards import build_rewards
from r1.rewards.accuracy import are_correct
from r1.support.artifacts import read_json
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "plugins.md").read_text()
BLOCKS = re.findall(r"^```python\n# plugins/(\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
OVERRIDES = re.findall(r"^```overrides\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0].splitlines()


def test_the_page_adds_a_task_and_a_reward_in_under_40_lines() -> None:
    assert [name for name, _ in BLOCKS] == ["doubling.py", "brevity.py", "wait_once.py"]
    assert sum(len(code.splitlines()) for _, code in BLOCKS[:2]) + len(OVERRIDES) < 40


def test_the_page_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in BLOCKS:
        (tmp_path / name).write_text(code)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(plugins, "_roots", [])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    config = validate(compose(["profile=smoke", f"plugins={tmp_path}", *OVERRIDES]))
    use_folder(config.plugins)
    write_uses(config.plugins, config, tmp_path / "uses")
    assert set(read_json(tmp_path / "uses" / "zero.json")) == {"doubling.Doubling", "brevity.brevity"}
    assert set(read_json(tmp_path / "uses" / "evaluate.json")) == {"doubling.Doubling"}

    prepared = prepare(config.prepare, config.seed)
    row = next(row for row in prepared.prompts["rl"] if row["task"] == "doubling.Doubling")
    assert any(document["task"] == "doubling.Doubling" for document in prepared.corpus)
    right, wrong = (f"<think>.</think><answer>{answer}</answer>" for answer in (row["answer"], "1"))
    assert are_correct([right, wrong], [row["task"]] * 2, [row["answer"]] * 2) == [True, False]

    functions, weights = build_rewards(config.zero.rewards, config.rl.reward_options, 32)
    paid = functions[-1](completions=[[{"role": "assistant", "content": "aaa"}]] * 2, task=[row["task"], ""])
    assert paid == [0.25, None] and weights[-1] == 0.5


def test_the_page_s_reward_that_asks_for_right_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wait_once.py").write_text(BLOCKS[2][1])
    monkeypatch.setattr(plugins, "_roots", [])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    use_folder(str(tmp_path))
    config = validate(compose(["profile=smoke", f"plugins={tmp_path}", "+zero.rewards.wait_once.wait_once=2.0"]))
    reward = build_rewards(config.zero.rewards, config.rl.reward_options, 32)[0][-1]
    told = [
        f"<think>{thought}</think><answer>{answer}</answer>"
        for thought, answer in (("Wait", 4), ("Wait", 5), ("Wait, Wait", 4), ("", 4))
    ]
    completions = [[{"role": "assistant", "content": text}] for text in (*told, "Wait")]
    columns = {"task": ["chain_sum"] * 4 + [""], "answer": ["4"] * 4 + [""]}
    assert reward(completions=completions, **columns) == [1.0, 0.5, 0.0, 0.0, None]
