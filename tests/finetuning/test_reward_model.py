"""Preference models: pairs that are left out are told, and one kind is read at a time."""

from pathlib import Path

import pytest

from r1.finetuning.reward_model import preference_pairs, train_reward_model
from r1.models.policy import Policy
from r1.support.errors import UserError
from r1.support.tables import NoRows, write_rows
from tests.trainings import SMOKE, context

pytestmark = pytest.mark.slow


def test_pairs_that_are_too_long_are_counted(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """TRL leaves them out without a word, and stumbles if none is left."""
    policy, here = Policy(tiny_model), context(tmp_path)
    short, long = ({"prompt": "What is 1 + 0?", "chosen": "1 " * n, "rejected": "No."} for n in (1, 300))
    metrics = train_reward_model(policy, [short] * 7 + [long], SMOKE.reward_model, here).metrics
    assert metrics["pairs"] == 7 and metrics["too_long"] == 1
    assert "warning: 1 of 8 pairs are longer than max_length = 128" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"all 2 pairs are longer than max_length = 128"):
        train_reward_model(policy, [long] * 2, SMOKE.reward_model, here)


def test_pairs_are_read_by_kind(tmp_path: Path) -> None:
    file = tmp_path / "preference.parquet"
    rows = [{"prompt": f"p{n}", "chosen": "c", "rejected": "r", "kind": "helpful"} for n in range(3)]
    write_rows(file, rows)
    assert preference_pairs(str(file), "helpful") == rows
    with pytest.raises(NoRows, match="has no harmless pair"):
        preference_pairs(str(file), "harmless")
