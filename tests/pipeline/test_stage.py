"""From a script's command line to its function: what it makes, what it reads, what stays unimported."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

# A stage of its own, which writes down what it was given.
SCRIPT = '''
"""Shows its run."""

from dataclasses import dataclass

from r1.config.finetuning import SftConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    profile: str
    made: SftConfig


@stage(Reads, makes=("distill_qwen", "distill_llama"))
def main(run):
    import json
    import os
    from pathlib import Path

    shown = {"name": run.name, "fields": list(vars(run.config)), "params": run.params, "script": str(run.script)}
    Path("shown.json").write_text(json.dumps({**shown, "batch": run.config.made.batch_size, "cwd": os.getcwd()}))
    with run.artifact("data/artifact", {}, {}) as directory:
        (directory / "file").write_text("")
    Path("written").touch()


if __name__ == "__main__":
    main()
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "distill.py").write_text(SCRIPT)
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def run(project: Path, *arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / "stages" / "distill.py"), *arguments],
        cwd=cwd or project,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stage_is_given_its_name_and_the_sections_that_it_reads(project: Path, tmp_path: Path) -> None:
    ended = run(project, "model=distill_qwen", "distill_qwen.batch_size=64", "seed=5", cwd=tmp_path.parent)
    assert ended.returncode == 0, ended.stderr
    shown: dict[str, Any] = json.loads((project / "shown.json").read_text())
    assert shown["name"] == "distill_qwen" and shown["fields"] == ["seed", "profile", "made"]
    assert list(shown["params"]) == ["seed", "profile", "distill_qwen"]
    assert shown["params"]["seed"] == 5 and shown["params"]["distill_qwen"]["batch_size"] == shown["batch"] == 64
    assert shown["cwd"] == str(project), "whatever directory it is called from"
    assert shown["script"] == str(project / "stages" / "distill.py")
    assert (project / "written").exists()


def test_a_process_beside_the_main_one_ends_well_where_the_writing_begins(project: Path) -> None:
    ended = run(project, "model=distill_qwen", RANK="1", WORLD_SIZE="2")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (project / "shown.json").exists()
    assert not (project / "data").exists() and not (project / "written").exists()


def test_showing_the_configuration_runs_nothing(project: Path) -> None:
    ended = run(project, "model=distill_qwen", "--cfg", "job")
    assert ended.returncode == 0 and "\nmodel: distill_qwen\n" in ended.stdout
    assert not (project / "shown.json").exists()


def test_help_shows_what_the_script_says(project: Path) -> None:
    assert "Shows its run." in run(project, "--help").stdout


@pytest.mark.parametrize("model", ["zero", "../x", "/tmp/x", None])
def test_stages_of_several_models_name_those_they_make(model: str | None, project: Path) -> None:
    ended = run(project, *([f"model={model}"] if model else []))
    assert ended.returncode == 1
    message = f"error: configuration: model = {model!r}: this stage makes one of distill_qwen, distill_llama\n"
    assert ended.stderr == message
    assert not (project / "shown.json").exists()


def test_code_needs_a_sandbox_before_the_stage_begins(project: Path) -> None:
    """Better now than after an hour, at the first completion."""
    families = "prepare.families.code={task: code, level: train, options: {}, documents: 0, cold_start: 0, rl: 0, "
    code = f"{families}rejection: 0, evaluate: 10}}"
    ended = run(project, "model=distill_qwen", code, PATH="/nowhere")
    assert ended.returncode == 1 and not (project / "shown.json").exists()
    assert ended.stderr.startswith("error: model-written code cannot be sandboxed: ")


def test_a_wrong_value_is_refused_before_anything_heavy_is_imported() -> None:
    """By every stage."""
    code = (
        "import pathlib, runpy, sys\n"
        "for script in sorted(pathlib.Path('stages').glob('*.py')):\n"
        "    sys.argv = [str(script), 'zero.num_generations=1']\n"
        "    try: runpy.run_path(str(script), run_name='__main__')\n"
        "    except SystemExit as ended: assert 'zero.num_generations = 1' in ended.code, ended.code\n"
        "    else: raise AssertionError(script)\n"
        "print([name for name in ('torch', 'transformers', 'trl', 'vllm', 'pandas') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
