"""dvc.yaml says the truth, and the whole smoke DAG runs."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
import yaml

from r1.recipe import ModelName
from r1.support.artifacts import content_hash, source_closure
from tests.conftest import ROOT, copy_project

RECIPE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ABLATION: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / "algorithms" / "dvc.yaml").read_text())["stages"]
STAGES = RECIPE | ABLATION
SCRIPTS = {name: "ablation" if name == "difficulty" else name for name in STAGES}
CLAIMS = {
    "pure_rl_improves", "majority_voting_adds", "responses_grow", "format_is_learned", "languages_mix_in_zero",
    "language_reward_mends_mixing", "r1_keeps_zero_accuracy", "distillation_beats_rl_qwen",
    "distillation_beats_rl_llama", "reflection_grows", "skills_transfer",
}  # fmt: skip


def expand(dependency: str) -> set[str]:
    path = ROOT / dependency
    files = path.rglob("*.py") if path.is_dir() else [path]
    return {str(file.relative_to(ROOT)) for file in files}


@pytest.mark.parametrize("name", STAGES)
def test_code_deps_are_what_the_stage_imports(name: str) -> None:
    declared = {
        file for dep in STAGES[name]["deps"] if dep.startswith("r1") for file in expand(dep) if file.endswith(".py")
    }
    docstrings_only = {file for file in declared if file.endswith("__init__.py")}
    imported = set(source_closure(ROOT / "stages" / f"{SCRIPTS[name]}.py"))
    templates = {f"r1/reporting/{template}" for template in ("page.html.j2", "report.html.j2", "report.md.j2")}
    assert name != "report" or templates <= set(STAGES[name]["deps"])
    assert imported <= declared, "imported but not declared"
    assert declared - docstrings_only <= imported, "declared but not imported"
    assert f"stages/{SCRIPTS[name]}.py" in STAGES[name]["deps"]


@pytest.mark.parametrize("name", STAGES)
def test_params_are_what_the_stage_may_read(name: str) -> None:
    main = runpy.run_path(str(ROOT / "stages" / f"{SCRIPTS[name]}.py"))["main"]
    reads = {"seed", *(section.replace("{model}", "${item}") for section in main.reads)}
    # The matrix spells its item in several ways.
    declared = {"${item}" if "${item" in param else param.split(".")[0] for param in STAGES[name]["params"]}
    assert reads == declared | ({"seed"} if "seed=" in STAGES[name]["cmd"] else set())


def dvc(project: Path, *arguments: str, without: Callable[..., list[str]] = lambda *command: list(command)) -> str:
    command = without(sys.executable, "-m", "dvc", *arguments)
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


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
    """A copy of this project in which the smoke DAG has run, without any network."""
    project = tmp_path_factory.mktemp("smoke") / "project"
    copy_project(project)
    subprocess.run([sys.executable, "-m", "r1", "compose", "profile=smoke"], cwd=project, check=True)
    # The stages must run this copy's library, so it comes first on their path.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{project}:{project / 'tests' / 'offline'}")
        patch.setenv("R1_NETWORK_LOG", str(project / "network.log"))
        patch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
        dvc(project, "repro", without=offline)
        yield project


def test_every_artifact_has_its_fixed_name(smoke: Path) -> None:
    for model in get_args(ModelName):
        directory = smoke / "data/models" / model
        assert (directory / "model.safetensors").is_file() and (directory / "chat_template.jinja").is_file()
        assert not list(directory.glob("*.bin")) and not list(directory.glob("*.pt"))
        manifest = json.loads((directory / "manifest.json").read_text())
        assert manifest["content"] == content_hash(directory)
        for path, digest in manifest["inputs"].items():
            assert content_hash(smoke / path) == digest
        metrics = json.loads((smoke / f"data/metrics/evaluate/{model}.json").read_text())
        for level in (metrics["chain_sum"]["train"], metrics["chain_sum"]["hard"]):
            for name in (
                "pass_at_1",
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
    assert sum(metrics["reasons"].values()) == metrics["candidates"] == 20 * 16
    assert metrics["reasoning"] == metrics["reasons"]["kept"]


def test_report_stands_alone(smoke: Path) -> None:
    page = (smoke / "data/report/index.html").read_text()
    assert page.count("<svg") == 6
    assert 'src="http' not in page and 'href="http' not in page


def test_repeating_does_nothing(smoke: Path) -> None:
    assert "Data and pipelines are up to date" in dvc(smoke, "repro")


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
        lines = dvc(smoke, "repro").splitlines()
        ran = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
        assert ran == ["final_rl", "evaluate@r1", "report"]
    finally:
        params.write_text(before)


def test_algorithms_are_compared_as_the_recipe_is_run(smoke: Path) -> None:
    for algorithm in ("grpo", "ppo"):
        for seed in (1, 2):
            command = ["stages/ablation.py", f"rl/algorithm={algorithm}", f"seed={seed}"]
            subprocess.run([sys.executable, *command], cwd=smoke, check=True, capture_output=True)
    subprocess.run([sys.executable, "stages/ablation_report.py"], cwd=smoke, check=True, capture_output=True)
    claims = json.loads((smoke / "data/ablation/claims.json").read_text())
    assert {claim["id"] for claim in claims} == {"algorithm_choice_matters_little", "grpo_learns", "ppo_learns"}
    assert "| ppo |" in (smoke / "data/ablation/report/report.md").read_text()
    assert not list((smoke / "data/.checkpoints").rglob("*.safetensors")), "of a finished run"
