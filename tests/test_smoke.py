"""The smoke DAG runs, without any network and with an outside package that its configuration brings.

One run serves all tests of this file, in their order: the last ones change what they found.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml

from r1.recipe import MODELS
from r1.support.artifacts import content_hash
from tests.conftest import ROOT, copy_project
from tests.plugged import outside_config as outside
from tests.test_pipeline import CLAIMS

pytestmark = pytest.mark.slow
ROWS = "data/external/doubles.jsonl"


def dvc(project: Path, *arguments: str, without: Callable[..., list[str]] = lambda *command: list(command)) -> str:
    command = without(sys.executable, "-m", "dvc", *arguments)
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def ran(output: str) -> list[str]:
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def composed(project: Path, engine: bool) -> None:
    """params.yaml of the smoke profile with the outside package."""
    command = [sys.executable, "-m", "r1", "compose", *outside.overrides(ROWS, engine)]
    subprocess.run(command, cwd=project, check=True)


# In a network namespace that has the loopback alone, where the kernel lets us make one.
CUT_OFF = ["unshare", "--map-root-user", "--net"]
LOOPBACK = """
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
os.execvp(sys.argv[1], sys.argv[1:])
"""


def offline(*command: str) -> list[str]:
    """The command, cut off from any network."""
    possible = subprocess.run([*CUT_OFF, "true"], capture_output=True, check=False).returncode == 0
    return [*CUT_OFF, sys.executable, "-c", LOOPBACK, *command] if possible else list(command)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of this project in which the smoke DAG has run, with the outside package, without any network."""
    project = tmp_path_factory.mktemp("smoke") / "project"
    copy_project(project)
    shutil.copy(ROOT / outside.ROWS, project / ROWS)
    # The stages must run this copy's library, so it comes first on their path.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{project}:{project / 'tests' / 'offline'}")
        patch.setenv("R1_NETWORK_LOG", str(project / "network.log"))
        patch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
        composed(project, engine=False)
        dvc(project, "repro", without=offline)
        yield project


def test_every_artifact_has_its_fixed_name(smoke: Path) -> None:
    for model in MODELS:
        directory = smoke / "data/models" / model
        assert (directory / "model.safetensors").is_file() and (directory / "chat_template.jinja").is_file()
        assert not list(directory.glob("*.bin")) and not list(directory.glob("*.pt"))
        manifest = json.loads((directory / "manifest.json").read_text())
        assert manifest["content"] == content_hash(directory)
        for path, digest in manifest["inputs"].items():
            assert content_hash(smoke / path) == digest
        metrics = json.loads((smoke / f"data/metrics/evaluate/{model}.json").read_text())
        for level in (metrics["chain_sum"]["train"], metrics["chain_sum_hard"]["hard"]):
            for name in (
                "pass_at_1",
                "lenient_pass_at_1",
                "maj_at_k",
                "response_tokens",
                "format_rate",
                "language_mixing",
                "reflection_rate",
            ):
                assert set(level[name]) == {"mean", "low", "high", "n"}
                assert level[name]["low"] <= level[name]["mean"] <= level[name]["high"]


def test_nothing_looked_for_a_network(smoke: Path) -> None:
    log = smoke / "network.log"
    assert not log.exists(), log.read_text()
    subprocess.run(
        [sys.executable, "-c", "import socket; socket.socket().connect_ex(('192.0.2.1', 80))"], cwd=smoke, check=True
    )
    assert "socket.connect 192.0.2.1" in log.read_text(), "or else the log would be empty whatever happens"
    log.unlink()


def test_claims_are_judged(smoke: Path) -> None:
    claims = json.loads((smoke / "data/metrics/claims.json").read_text())
    assert {claim["id"] for claim in claims} >= CLAIMS
    assert {claim["verdict"] for claim in claims} <= {"reproduced", "not reproduced", "inconclusive"}


def test_no_evaluation_problem_is_trained_on(smoke: Path) -> None:
    metrics = json.loads((smoke / "data/metrics/prepare.json").read_text())
    assert metrics["contamination"] == {"exact": 0, "normalised": 0}
    corpus = pd.read_parquet(smoke / "data/corpus/corpus.parquet")["text"].str.cat(sep="\n")
    assert not any(
        f"User: {prompt}\n" in corpus for prompt in pd.read_parquet(smoke / "data/prompts/evaluate.parquet")["prompt"]
    )


def test_rejection_sampling_used_vllm_and_counted_every_sample(smoke: Path) -> None:
    metrics = json.loads((smoke / "data/metrics/rejection_sampling.json").read_text())
    assert metrics["engine"] == "vllm"
    assert sum(metrics["reasons"].values()) == metrics["candidates"] == (20 + 8 + 4) * 16
    assert metrics["reasoning"] == metrics["reasons"]["kept"]


def test_report_stands_alone(smoke: Path) -> None:
    page = (smoke / "data/report/index.html").read_text()
    assert page.count('class="recipe ') == 2 and page.count('class="chart"') == 3 + 18 + 2 + 3
    assert 'src="http' not in page and 'href="http' not in page


def test_repeating_does_nothing(smoke: Path) -> None:
    assert "Data and pipelines are up to date" in dvc(smoke, "repro")


def test_task_reward_and_adapter_from_outside_were_used(smoke: Path) -> None:
    rows = pd.read_parquet(smoke / "data/prompts/rl.parquet")
    assert set(rows[rows["task"] == outside.TASK]["family"]) == {"doubling", "doubles"}
    assert outside.REWARD in pd.read_parquet(smoke / "data/models/zero/samples.parquet").columns
    for model in MODELS:
        metrics = json.loads((smoke / f"data/metrics/evaluate/{model}.json").read_text())
        assert metrics["doubling"]["train"]["pass_at_1"]["n"] == 4
    manifest = json.loads((smoke / "data/models/zero/manifest.json").read_text())
    assert set(manifest["plugins"]) == {outside.TASK, outside.REWARD}


VERIFYING = {"zero", "cold_start_data", "reasoning_rl", "rejection_sampling", "final_rl", "student_rl@qwen",
             "student_rl@llama"} | {f"evaluate@{model}" for model in MODELS}  # fmt: skip
CHANGED = {"unused.py": set(), "rewards.py": {"zero"}, "adapters.py": {"prepare"}, "tasks.py": VERIFYING | {"prepare"}}


@contextmanager
def changed(project: Path, file: str) -> Iterator[None]:
    """While a file of the outside package has one more line, which the stage `plugins` has seen."""
    path = project / outside.PACKAGE / "outside" / file
    before = path.read_text() if path.exists() else None
    try:
        with path.open("a") as opened:
            opened.write("\n# changed\n")
        assert ran(dvc(project, "repro", "plugins")) == ["plugins"]
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
        dvc(project, "repro", "plugins")


@pytest.mark.parametrize("file", CHANGED)
def test_a_change_outside_concerns_exactly_the_stages_that_use_it(smoke: Path, file: str) -> None:
    with changed(smoke, file):
        assert set(json.loads(dvc(smoke, "status", "--json", "dvc.yaml"))) == CHANGED[file]


def test_inspect_shows_what_a_stage_made(smoke: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "r1", "inspect", "rejection_sampling"],
        cwd=smoke, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "data/sft" in shown and "as written" in shown and "reason" in shown and "unchanged" in shown


def test_final_rl_learning_rate_reruns_final_rl_and_what_follows(smoke: Path) -> None:
    params = smoke / "params.yaml"
    before = params.read_text()
    values = yaml.safe_load(before)
    values["final_rl"]["learning_rate"] *= 2
    try:
        params.write_text(yaml.safe_dump(values))
        changed = json.loads(dvc(smoke, "status", "--json", "dvc.yaml"))
        assert set(changed) == {"final_rl"}
        assert ran(dvc(smoke, "repro")) == ["final_rl", "evaluate@r1", "report"]
    finally:
        params.write_text(before)


def test_algorithms_are_compared_as_the_recipe_is_run(smoke: Path) -> None:
    for algorithm in ("grpo", "ppo"):
        for seed in (1, 2):
            command = ["stages/ablation.py", f"ablation.algorithm={algorithm}", f"seed={seed}"]
            subprocess.run([sys.executable, *command], cwd=smoke, check=True, capture_output=True)
    (smoke / "data/ablation/runs/grpo/.gitignore").write_text("/1\n/2\n")  # as DVC leaves it
    subprocess.run([sys.executable, "stages/ablation_report.py"], cwd=smoke, check=True, capture_output=True)
    claims = json.loads((smoke / "data/ablation/claims.json").read_text())
    assert {claim["id"] for claim in claims} == {"algorithm_choice_matters_little", "grpo_learns", "ppo_learns"}
    assert "| ppo |" in (smoke / "data/ablation/report/report.md").read_text()
    assert not list((smoke / "data/.checkpoints").rglob("*.safetensors")), "of a finished run"


def test_an_engine_from_outside_evaluates(smoke: Path) -> None:
    composed(smoke, engine=True)
    assert ran(dvc(smoke, "repro", "plugins")) == ["plugins"]
    dvc(smoke, "repro", "--single-item", "evaluate@zero")
    samples = pd.read_parquet(smoke / "data/evaluations/zero/samples.parquet")
    assert set(samples["completion"]) == {outside.REPLY}
    with changed(smoke, "engine.py"):
        assert set(json.loads(dvc(smoke, "status", "--json", "evaluate@zero"))) == {"evaluate@zero"}
        assert json.loads(dvc(smoke, "status", "--json", "zero")) == {}
