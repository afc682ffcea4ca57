"""What `prepare` says of prompts that will not fit."""

from pathlib import Path

import pytest

from r1.pipeline.contexts import lengths, report_contexts
from r1.sampling.fitting import ContextExceeded
from r1.support.tables import write_rows
from tests.conftest import compose
from tests.trainings import dense

SPLITS = {"prompts": ("cold_start", "rl", "rejection", "evaluate"), "general": ("rl", "evaluate")}


def write_prompts(folder: Path, terms: dict[str, list[int]]) -> None:
    """Sums with so many further terms, by file; by default a short one."""
    for kind, splits in SPLITS.items():
        for split in splits:
            rows = [{"prompt": "What is 1 + 1?" + " + 1" * n} for n in terms.get(f"{kind}/{split}", [0])]
            target = folder / f"data/{kind}/{split}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_rows(target, rows)


@pytest.mark.parametrize(
    ("terms", "overrides", "said"),
    [
        ({}, (), []),
        ({"prompts/rejection": [0, 300]}, (), ["rejection_sampling (base): 1 of 2 prompts of data/prompts/rejection"]),
        ({"general/rl": [0, 300, 300]}, (), ["final_rl (base): 2 of 3 prompts of data/general/rl.parquet exceed"]),
        ({"prompts/rl": [0, 80]}, (), []),
        ({"prompts/rl": [0, 80]}, ("zero.max_prompt_length=100",), ["zero (base): 1 of 2 prompts of data/prompts/rl"]),
    ],
)
def test_prompts_that_will_be_dropped_are_counted(
    terms: dict[str, list[int]],
    overrides: tuple[str, ...],
    said: list[str],
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_prompts(tmp_path, terms)
    config = compose(f"base.checkpoint={dense(tiny_model)}", "profile=smoke", *overrides)
    monkeypatch.chdir(tmp_path)
    report_contexts(config)
    warned = [line for line in capsys.readouterr().out.splitlines() if "prompts of data/" in line]
    assert len(warned) == len(said) and all(words in line for words, line in zip(said, warned, strict=True))


def test_a_stage_without_a_prompt_that_fits_is_an_error_of_prepare(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prompts(tmp_path, {})
    config = compose(f"base.checkpoint={dense(tiny_model)}", "profile=smoke", "zero.max_completion_length=256")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ContextExceeded, match=r"zero \(base\): 1 of 1 prompts .* exceed 0 tokens \(context 256, 256 for"
    ):
        report_contexts(config)


def test_every_stage_that_samples_a_base_is_looked_at() -> None:
    config = compose()
    keys = [(one.prompts.split("/")[1], one.key) for one in lengths(config, "base")]
    assert keys == [
        *(("prompts", key) for key in ("zero", "reasoning_rl", "final_rl")),
        *(("general", "final_rl"), ("prompts", "cold_start_data"), ("prompts", "rejection_sampling")),
        *(("prompts", "evaluate"), ("general", "evaluate")),
    ]
    assert [one.key for one in lengths(config, "base_llama")] == ["student_rl_llama", "evaluate", "evaluate"]
