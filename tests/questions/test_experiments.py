"""Every question's folder: dvc.yaml says the truth, and scripts reject what is wrong in one line."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from r1.pipeline.compose import load_settings
from r1.support.code import source_closure
from tests.conftest import ROOT
from tests.questions.lab import params

QUESTIONS = sorted(path.parent.name for path in (ROOT / "experiments").glob("*/arm.py"))
SCRIPTS = ("arm", "report")


def stages(question: str) -> dict[str, Any]:
    """dvc.yaml's stages, with ${inputs.…} filled in."""
    text = (ROOT / "experiments" / question / "dvc.yaml").read_text()
    for name, path in params(question)["inputs"].items():
        text = text.replace(f"${{inputs.{name}}}", str(path))
    values: dict[str, Any] = yaml.safe_load(text)["stages"]
    return values


def main_of(question: str, script: str) -> Any:
    return runpy.run_path(str(ROOT / "experiments" / question / f"{script}.py"))["main"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_settings_are_valid(question: str) -> None:
    path = ROOT / "experiments" / question / "params.yaml"
    settings = load_settings(path, [], main_of(question, "arm").settings)
    assert len(settings.seeds) >= 3 and main_of(question, "report").settings is type(settings)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_arm_and_seed_runs(question: str) -> None:
    matrix = stages(question)["arm"]["matrix"]
    assert matrix["arm"] == list(params(question)["arms"]) and matrix["seed"] == "${seeds}"


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_code_deps_hold_what_is_imported(question: str, script: str) -> None:
    path = f"experiments/{question}/{script}.py"
    deps = stages(question)[script]["deps"]
    declared = [dep for dep in deps if dep.startswith("r1")]
    imported = [
        file for file in source_closure(ROOT / path) if not file.startswith("r1/reporting") or script == "report"
    ]

    def covers(dep: str, file: str) -> bool:
        return file == dep or file.startswith(f"{dep}/")

    assert path in deps and all((ROOT / dep).exists() for dep in declared)
    assert not [file for file in imported if not any(covers(dep, file) for dep in declared)]
    assert not [dep for dep in declared if not any(covers(dep, file) for file in imported)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_arm_depends_on_its_inputs_and_the_sections_it_reads(question: str) -> None:
    arm, main = stages(question)["arm"], main_of(question, "arm")
    assert {path for path in params(question)["inputs"].values() if path} <= set(arm["deps"])
    (own,) = (param for param in arm["params"] if isinstance(param, dict))
    assert {param for param in arm["params"] if isinstance(param, str)} == set(main.reads)
    (keys,) = own.values()
    assert {re.sub(r"\..*", "", key) for key in keys} == set(params(question)) - {"bounds", "seeds"}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_report_depends_on_every_setting(question: str) -> None:
    ((keys,),) = (param.values() for param in stages(question)["report"]["params"])
    assert set(keys) == set(params(question))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "experiments" / "degradation", tmp_path / "experiments" / "degradation")
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["arm=verifed", "seed=1"], "arm = 'verifed': allowed: everything, verified"),
        (["arm=verified"], "seed = '': must be a whole number"),
        (["arm=verified", "seed=4294967296"], "seed = '4294967296': must be a whole number from 0 to 2147483647"),
        (["arm=verified", "seed=١"], "seed = '١': must be a whole number"),
        (["arm=verified", "seed=1", "generation=2"], "unknown key 'generation' (did you mean 'generations'?)"),
        (["arm=verified", "seed=1", "arms.verified.errs=2"], "arms.verified.errs = 2"),
        (["arm=verified", "seed=1", "recipe.sft.epochs=0"], "sft.epochs = 0"),
        (["arm=verified", "seed=1"], "data/models/base/manifest.json"),
    ],
)
def test_mistakes_are_one_line(project: Path, arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "experiments/degradation/arm.py", *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and message in done.stderr and done.stderr.startswith("error: "), done.stderr
