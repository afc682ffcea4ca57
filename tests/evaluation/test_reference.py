"""A published checkpoint on benchmarks: what is asked and how often, and one run of the stage on a tiny checkpoint."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from r1.config.recipe import Config
from r1.evaluation import reference
from r1.evaluation.reference import measure, read_benchmarks
from r1.models.loading import BrokenCheckpoint, find_checkpoint, from_scratch, save
from r1.models.policy import Policy
from r1.models.tokenizer import train_tokenizer
from r1.sampling import Conversation
from r1.support.errors import UserError
from tests.conftest import ROOT, compose, copy_project
from tests.sampling.scripted import Opened

AIME = [{"problem": f"What is {n} + 1? (Problem {n} of the contest.)", "answer": f"00{n + 1}"} for n in range(1, 4)]
MATH = [{"problem": "What is half of 1?", "answer": r"\frac{1}{2}"}, {"problem": "What is 1 / 0?", "answer": "7"}]
TEXTS = [f"User: What is {n} + 1?\nAssistant:\n<think>.</think><answer>{n + 1}</answer>" for n in range(40)]


def write_jsonl(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def overrides(folder: Path, checkpoint: Path) -> list[str]:
    """Local files in the form of two benchmarks, and one that must not be read."""
    files = {"aime_2024": (AIME, "aime", "hard"), "math_500": (MATH, "math_500", "train")}
    sets = [
        f"+prepare.data_sets.{name}={{path: {write_jsonl(folder / f'{name}.jsonl', rows)}, adapter: {adapter}, "
        f"level: {level}, splits: {{evaluate: all}}}}"
        for name, (rows, adapter, level) in files.items()
    ]
    broken = folder / "broken.jsonl"
    broken.write_text("no JSON")
    unread = f"+prepare.data_sets.unread={{path: {broken}, adapter: gsm8k, level: train, splits: {{evaluate: all}}}}"
    samples = ["reference.num_samples.aime_2024=3", "reference.num_samples.math_500=2"]
    return [*sets, unread, f"reference.checkpoint={checkpoint}", *samples]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model directory with random weights, under a published name."""
    config = compose("profile=smoke").base
    assert config.architecture is not None
    directory = tmp_path_factory.mktemp("published") / "DeepSeek-R1-Distill-Qwen-1.5B"
    tokenizer = train_tokenizer(TEXTS, 320, "chat")
    save(from_scratch(config.architecture, tokenizer, 0), tokenizer, directory)
    return directory


@pytest.fixture(scope="module")
def config(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Config:
    return compose(*overrides(tmp_path_factory.mktemp("benchmarks"), checkpoint), "evaluate.bootstrap_resamples=50")


def test_the_default_sampling_is_the_paper_s() -> None:
    settings = compose().reference
    assert (settings.temperature, settings.top_p, settings.max_new_tokens) == (0.6, 0.95, 32768)
    assert settings.num_samples["aime_2024"] == 64


def test_only_the_benchmarks_that_are_named_are_read(config: Config) -> None:
    rows, sources = read_benchmarks(config.prepare, config.reference, 0)
    assert {family: len(asked) for family, asked in rows.items()} == {"aime_2024": 3, "math_500": 2}
    assert sorted(row["answer"] for row in rows["aime_2024"]) == ["2", "3", "4"]
    assert {row["family"] for row in rows["math_500"]} == {"math_500"}
    assert [Path(file).name for file in sources] == ["aime_2024.jsonl", "math_500.jsonl"]


def say(model: str, conversation: Conversation, nth: int) -> str:
    """Right answers in a box alone, the form of published checkpoints; AIME's third sample is wrong."""
    question = conversation[-1]["content"]
    if "half" in question:
        return r"One half.</think>So \boxed{0.5}."
    number = next((row["answer"] for row in AIME if row["problem"] in question), "1")
    return rf"Let me see.</think>It is \boxed{{{int(number) + (nth == 2)}}}."


def test_each_benchmark_is_sampled_as_the_paper_does(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened = Opened(say)
    monkeypatch.setattr(reference, "open_sampler", opened)
    rows, _ = read_benchmarks(config.prepare, config.reference, 0)
    done = measure(Policy(Path("published")), rows, config.reference, config.evaluate, 5, tmp_path)

    (sampler,) = opened.samplers
    assert sampler.closed and opened.checkpoints == [tmp_path]
    instruction = config.reference.instruction
    for (asked, sampling, seed), (family, k) in zip(sampler.asked, config.reference.num_samples.items(), strict=True):
        assert [one[-1]["content"] for one in asked] == [f"{row['prompt']}\n{instruction}" for row in rows[family]]
        assert (sampling.temperature, sampling.top_p, sampling.max_new_tokens) == (0.6, 0.95, 32768)
        assert (sampling.num_samples, seed) == (k, 5)

    assert done.counts == {"problems": 5, "samples": 3 * 3 + 2 * 2}
    assert list(done.summary) == ["aime_2024", "math_500"]
    aime, math = done.summary["aime_2024"]["hard"], done.summary["math_500"]["train"]
    assert aime["lenient_pass_at_1"]["mean"] == pytest.approx(2 / 3) and aime["lenient_maj_at_k"]["mean"] == 1
    assert aime["pass_at_1"]["mean"] == 0, "a box without answer tags is not in the form that RL rewards"
    assert math["lenient_pass_at_1"] == {**math["lenient_pass_at_1"], "mean": 0.5, "n": 2}
    done.save(tmp_path)
    assert json.loads((tmp_path / reference.SUMMARY).read_text()) == done.summary
    assert pd.read_parquet(tmp_path / "samples.parquet")["family"].value_counts().to_dict() == {
        "aime_2024": 9,
        "math_500": 4,
    }


def test_an_empty_instruction_leaves_the_question(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened(say)
    monkeypatch.setattr(reference, "open_sampler", opened)
    plain = config.reference.model_copy(update={"instruction": ""})
    rows = {"math_500": read_benchmarks(config.prepare, config.reference, 0)[0]["math_500"]}
    measure(Policy(Path("published")), rows, plain, config.evaluate, 5, Path("unused"))
    assert opened.samplers[0].asked[0][0][0][-1]["content"] == rows["math_500"][0]["prompt"]


WRONG = [
    (["reference.num_samples.aime_2025=1"], "reference.num_samples.aime_2025: names no data set that is only evalu"),
    (["prepare.data_sets.math_500.splits.rl=1"], "has aime_2024, unread"),
    (["reference.num_samples.aime_2024=0"], "reference.num_samples.aime_2024 = 0: Input should be greater than 0"),
    (["reference.checkpoint=../elsewhere"], "reference.checkpoint = '../elsewhere': leaves the project"),
    (["reference.checkpoint=models/none"], "reference.checkpoint = 'models/none': no such file or directory"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG, ids=[changes[0] for changes, _ in WRONG])
def test_mistakes_are_refused_by_name(changes: list[str], message: str, checkpoint: Path, tmp_path: Path) -> None:
    plus = [f"+{change}" if "aime_2025" in change or "splits" in change else change for change in changes]
    with pytest.raises(UserError) as refused:
        compose(*overrides(tmp_path, checkpoint), *plus)
    assert message in str(refused.value)


def test_names_are_not_checked_where_no_checkpoint_is_given() -> None:
    assert compose().reference.checkpoint is None and "aime_2024" not in compose().prepare.data_sets


def test_a_checkpoint_is_used_as_it_is_published(checkpoint: Path) -> None:
    assert find_checkpoint(str(checkpoint)) == checkpoint


@pytest.mark.parametrize(
    ("removed", "message"),
    [("chat_template.jinja", "has no chat template"), ("tokenizer.json", "cannot be loaded")],
)
def test_a_checkpoint_that_cannot_be_prompted_is_refused(
    removed: str, message: str, checkpoint: Path, tmp_path: Path
) -> None:
    for file in checkpoint.iterdir():
        if file.name != removed:
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(BrokenCheckpoint, match=message):
        find_checkpoint(str(tmp_path))


def test_without_a_network_a_hub_id_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*_: object, **__: object) -> str:
        raise OSError("offline mode is enabled\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(BrokenCheckpoint, match=r"^some/model cannot be downloaded: OSError: offline mode is enabled$"):
        find_checkpoint("some/model")


@pytest.mark.slow
def test_the_stage_writes_the_comparison(checkpoint: Path, tmp_path: Path) -> None:
    """The whole command, on a random model: its scores are 0, the table around them is real."""
    project = tmp_path / "project"
    project.mkdir()
    copy_project(project)
    short = ["reference.max_new_tokens=8", "evaluate.engine.batch_size=8"]
    environment = os.environ | {"PYTHONPATH": str(project)}
    composed = [sys.executable, "-m", "r1", "compose", "profile=smoke", *overrides(tmp_path, checkpoint), *short]
    shown = [sys.executable, "-m", "r1", "inspect", "reference"]
    printed = []
    for command in (composed, [sys.executable, "stages/reference.py"], shown):
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        printed.append(done.stdout)
    assert "AIME 2024: lenient pass@1 0.0 [0.0, 0.0], published 28.9" in printed[1]
    assert "A published checkpoint on published benchmarks" in printed[2] and "lenient_predicted" in printed[2]
    made = project / "data/reference" / checkpoint.name
    names = {"comparison.md", "manifest.json", "samples.parquet", "summary.json"}
    assert {path.name for path in made.iterdir()} == names
    assert "| MATH-500 | 2 | 2 | 0.0 [0.0, 0.0] | 83.9 | no |" in (made / "comparison.md").read_text()
    status = subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, text=True, check=True)
    assert "data/reference" not in status.stdout
    assert str(ROOT) not in (made / "comparison.md").read_text()
