"""Supervised training and schedules: they learn, and lose no token."""

from pathlib import Path

import pandas as pd
import pytest

from r1.finetuning.pretrain import pack
from r1.finetuning.reward_model import train_reward_model
from r1.finetuning.sft import finetune
from r1.rl.schedule import all_scenarios, in_order
from r1.support.errors import UserError
from tests.conftest import compose

SMOKE = compose("profile=smoke")


def test_sft_learns_its_examples_and_changes_the_template(tiny_model: Path, tmp_path: Path) -> None:
    examples = [{"prompt": f"What is {n} + 0?", "completion": f"<answer>{n}</answer>"} for n in range(8)]
    settings = SMOKE.sft.model_copy(update={"epochs": 24, "learning_rate": 3e-3})
    _, tokenizer, metrics = finetune(
        tiny_model, examples, settings, 0, tmp_path / "curve.csv", tmp_path / "checkpoints"
    )
    losses = pd.read_csv(tmp_path / "curve.csv")["loss"]
    assert losses.iloc[-1] < 0.7 * losses.iloc[0]
    assert "Think first" not in tokenizer.chat_template
    assert metrics["examples"] == 8 and metrics["truncated_examples"] == 0


def test_examples_that_are_cut_off_are_counted(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short, long = ({"prompt": "What is 1 + 0?", "completion": "1 " * n} for n in (1, 300))
    metrics = finetune(
        tiny_model, [short] * 7 + [long], SMOKE.sft, 0, tmp_path / "curve.csv", tmp_path / "checkpoints"
    )[2]
    assert metrics["truncated_examples"] == 1
    assert "warning: 1 of 8 examples are cut off at max_length = 192" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"all 2 examples are longer than max_length = 192 tokens \(the shortest has"):
        finetune(tiny_model, [long] * 2, SMOKE.sft, 0, tmp_path / "curve.csv", tmp_path / "checkpoints")


def test_pairs_that_are_too_long_are_counted(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """TRL leaves them out without a word, and stumbles if none is left."""
    short, long = ({"prompt": "What is 1 + 0?", "chosen": "1 " * n, "rejected": "No."} for n in (1, 300))
    files = tmp_path / "curve.csv", tmp_path / "checkpoints"
    metrics = train_reward_model(tiny_model, [short] * 7 + [long], SMOKE.reward_model, 0, *files)[2]
    assert metrics["pairs"] == 7
    assert "warning: 1 of 8 pairs are longer than max_length = 128" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"all 2 pairs are longer than max_length = 128"):
        train_reward_model(tiny_model, [long] * 2, SMOKE.reward_model, 0, *files)


def test_packing_loses_no_token_and_depends_on_the_seed(tiny_model: Path) -> None:
    from r1.models.loading import load_tokenizer

    tokenizer = load_tokenizer(tiny_model)
    texts = [f"What is {n} + 1?" for n in range(50)]
    blocks = pack(texts, tokenizer, length=16, blocks=4, seed=0)
    assert blocks.shape == (4, 16)
    assert (blocks == pack(texts, tokenizer, 16, 4, 0)).all() and not (blocks == pack(texts, tokenizer, 16, 4, 1)).all()
    first = str(tokenizer.decode(blocks.flatten())).split("<|end|>")[0]
    assert first in texts


def test_general_prompts_come_only_at_the_end() -> None:
    settings = SMOKE.final_rl.model_copy(
        update={"max_steps": 8, "batch_size": 32, "num_generations": 4, "general_last": 0.25, "general_share": 0.5}
    )
    reasoning = [{"prompt": f"p{n}", "task": "chain_sum", "answer": "1"} for n in range(5)]
    general = [{"prompt": f"g{n}", "kind": "helpful"} for n in range(3)]
    prompts = all_scenarios(reasoning, general, settings, rollouts=8 * 32, seed=0)
    assert len(prompts) == 8 * 8
    kinds = [[row["kind"] != "" for row in prompts[step * 8 : step * 8 + 8]] for step in range(8)]
    assert [sum(step) for step in kinds] == [0, 0, 0, 0, 0, 0, 4, 4]


def test_prompts_of_a_run_are_laid_out_whole_epochs_at_a_time() -> None:
    rows = [{"prompt": f"p{n}", "task": "chain_sum", "answer": "1"} for n in range(5)]
    asked = [row["prompt"][-1]["content"] for row in in_order(rows, 12, climbing=False, seed=0)]
    assert sorted(asked[:5]) == sorted(asked[5:10]) == sorted(row["prompt"] for row in rows)
    assert asked != [row["prompt"][-1]["content"] for row in in_order(rows, 12, climbing=False, seed=1)]
    climbing = [row["prompt"][-1]["content"] for row in in_order(rows, 10, climbing=True, seed=0)]
    assert climbing == [f"p{n}" for n in range(5) for _ in range(2)]
