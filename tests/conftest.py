"""Tiny models, made once a session: the real classes at the smallest size."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from r1.config.recipe import Config
from r1.pipeline.compose import compose as compose_values
from r1.pipeline.compose import validate
from r1.support.log import configure

ROOT = Path(__file__).parent.parent


def compose(*overrides: str) -> Config:
    """The configuration that `dvc exp run -S …` would run."""
    return validate(compose_values(overrides, ROOT / "conf"))


PROFILES = sorted(path.stem for path in (ROOT / "conf" / "profile").glob("*.yaml"))


def chosen(profile: str, folder: Path) -> list[str]:
    """Overrides that choose a profile; smollm2's model, which `make smollm2` fetches, is a file of its name here."""
    overrides = [f"profile={profile}"]
    if profile == "smollm2":
        model = folder / "SmolLM2-135M-Instruct.Q4_1.gguf"
        model.touch()
        overrides += [f"base.checkpoint={model}", f"base_llama.checkpoint={model}"]
    return overrides


def run_alone(code: str) -> None:
    """Run Python code in a process of its own; its errors are this test's."""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]


def copy_project(target: Path) -> None:
    """This working tree, without what the stages make, as a git repository of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        generated = name.startswith("data/") and not name.startswith("data/external/")
        if not generated and name != "dvc.lock" and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "t"]):
        subprocess.run(["git", *command], cwd=target, check=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that run the DAG first: they take longest, and with --dist loadfile one process runs a whole file."""
    runs_dag = {item.path for item in items if "smoke" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in runs_dag)


@pytest.fixture(autouse=True)
def messages() -> None:
    """Messages go to standard output, as in a run."""
    configure()


@pytest.fixture(scope="session", params=["qwen3", "deepseek_v3"])
def tiny_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of each teacher architecture at smoke size, briefly pretrained."""
    from r1.data.corpus import build_corpus
    from r1.finetuning.pretrain import pretrain
    from r1.models.policy import Untrained
    from r1.models.tokenizer import train_tokenizer
    from tests.trainings import context

    config = compose("profile=smoke", f"teacher={request.param}")
    directory = tmp_path_factory.mktemp(request.param)
    texts = [row["text"] for row in build_corpus(config.prepare, config.seed)][:1000]
    assert config.base.architecture is not None and config.base.pretraining is not None
    tokenizer = train_tokenizer(texts, 512, "r1_zero_short")
    few = config.base.pretraining.model_copy(update={"max_steps": 20, "batch_size": 16, "micro_batch_size": 16})
    untrained = Untrained(config.base.architecture, tokenizer, seed=0)
    pretrain(untrained, texts, few, context(directory)).save(directory / "model")
    return directory / "model"
