"""Models are found by name, and a mistake is one line that says what there is, or what makes it."""

from pathlib import Path

import pytest

from r1.finished import NoSuchModel, find_model
from r1.support.artifacts import write_manifest


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("base", "r1"):
        folder = tmp_path / "data/models" / name
        folder.mkdir(parents=True)
        write_manifest(folder, {"stage": name})


@pytest.mark.parametrize(("name", "found"), [("base", "base"), ("r1", "r1"), ("final_rl", "r1")])
def test_a_model_is_found_by_its_name_or_its_stage(name: str, found: str) -> None:
    model = find_model(name)
    assert (model.name, model.directory) == (found, Path("data/models") / found)
    assert model.manifest["stage"] == found


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("zeroo", "no model is named 'zeroo'; models: base, base_qwen"),
        ("../base", "no model is named '../base'"),
        ("distill", "models: distill_qwen, distill_llama"),
        ("zero", "zero has not been made yet: `dvc repro zero` makes it; made: base, r1"),
        ("distill_llama", "`dvc repro distill` makes it"),
    ],
)
def test_a_mistake_is_one_line(name: str, says: str) -> None:
    with pytest.raises(NoSuchModel) as caught:
        find_model(name)
    assert says in str(caught.value) and "\n" not in str(caught.value)
