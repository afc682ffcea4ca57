"""Which code decides a result, by module path, and its hash."""

from pathlib import Path

import pytest

from r1.support import code
from r1.support.code import UNHASHED, code_hash, source_closure
from tests.conftest import ROOT


def test_the_source_closure_of_a_stage_is_what_it_uses() -> None:
    closure = source_closure(ROOT / "stages" / "zero.py")
    used = {
        "r1/rl/train.py",
        "r1/tasks/chain_sum.py",
        "r1/rewards/accuracy.py",
        "r1/models/chat.py",
        "r1/rewards/response.py",
    }
    assert used <= set(closure)
    unused = {"r1/finetuning/sft.py", "r1/reporting/report.py", "r1/data/documents.py"}
    plumbing = {"r1/config/rl.py", "r1/pipeline/stage.py", "r1/support/artifacts.py", "r1/recipe.py"}
    assert not (unused | plumbing) & set(closure)
    assert closure == sorted(closure)
    assert all((ROOT / path).is_file() for path in closure)


def test_the_code_hash_changes_with_the_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    hashes = []
    first = "import r1.rewards.response\n"
    for text in (first, first, f"{first}x = 1\n"):
        script.write_text(text)
        hashes.append(code_hash(script))
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of its own, of which a script uses a part."""
    monkeypatch.setattr(code, "ROOT", tmp_path)
    files = {
        "r1/__init__.py": '"""Ours."""\n',
        "r1/rl/__init__.py": "",
        "r1/rl/train.py": "def train():\n    from r1.rl import lazy\n",
        "r1/rl/lazy.py": "import r1.config.rl\nx = 1\n",
        "r1/rl/config.py": "x = 1\n",
        "r1/rl/unused.py": "x = 1\n",
        "r1/config/rl.py": "x = 1\n",
        "r1/config/__init__.py": "",
        "r1/recipe.py": "x = 1\n",
        "script.py": "import r1.recipe\nfrom r1.rl.train import train\nfrom r1.rl import config\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_is_left_out_is_left_out_by_its_path(project: Path) -> None:
    """A module that happens to be called config decides like any other."""
    assert source_closure(project / "script.py") == ["r1/rl/config.py", "r1/rl/lazy.py", "r1/rl/train.py"]


CHANGES = {"script.py": True, "r1/rl/lazy.py": True, "r1/rl/config.py": True, "r1/rl/unused.py": False}


@pytest.mark.parametrize(("name", "decides"), [*CHANGES.items(), ("r1/config/rl.py", False), ("r1/recipe.py", False)])
def test_the_hash_is_of_what_decides(name: str, decides: bool, project: Path) -> None:
    before = code_hash(project / "script.py")
    (project / name).write_text((project / name).read_text() + "y = 2\n")
    assert (code_hash(project / "script.py") != before) == decides


def test_everything_that_is_left_out_is_there() -> None:
    assert all((ROOT / path).exists() for path in UNHASHED)
