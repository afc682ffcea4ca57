"""Exported directories: weights, card, refusals, and the push, against a hub that is not there."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from r1.models.loading import load_model, load_tokenizer
from r1.models.turns import with_stop
from r1.release.export import export
from r1.release.form import CannotExport
from r1.support.artifacts import BrokenArtifact, read_manifest, write_json, write_manifest
from tests.random_models import random_model

ESTIMATE = {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 12}
SAMPLING = {"temperature": 1.0, "top_p": 1.0, "max_new_tokens": 128, "num_samples": 8}
CLAIM = {"claim": "RL | raises pass@1", "effect": 0.1, "low": 0.05, "high": 0.2, "verdict": "reproduced"}


def artifact(path: str, **values: Any) -> str:
    """Write a manifest for what is in the folder; gives the hash of its content."""
    Path(path).mkdir(parents=True, exist_ok=True)
    write_manifest(Path(path), {"seed": 17, "params": {}, "inputs": {}, "counts": {}, **values})
    return str(read_manifest(Path(path))["content"])


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base and the R1-Zero made from it, evaluated and reported on."""
    monkeypatch.chdir(tmp_path)
    families = {"chain_sum": {"rl": 100}, "unused": {"rl": 0}}
    sets = {"safe": {"adapter": "pku_saferlhf", "path": "PKU/Safe", "splits": {"preference": 5}}}
    Path("data/prompts").mkdir(parents=True)
    Path("data/prompts/rl.parquet").write_text("rows")
    artifact("data/prompts", params={"prepare": {"families": families, "general_data_sets": sets}}, counts={"rl": 100})
    for name in ("base", "zero"):
        random_model("qwen3", Path("data/models") / name, head_dim=16)
    base_params = {"base": {"checkpoint": None, "pretraining": {"max_steps": 900, "learning_rate": 0.003}}}
    base = artifact("data/models/base", params=base_params, counts={"parameters": 12345})
    zero_params = {
        "rl": {"algorithm": {"name": "grpo"}},
        "zero": {"max_steps": 100, "rewards": {"accuracy_reward": 1.0}},
    }
    inputs = {"data/models/base": base, "data/prompts/rl.parquet": "0" * 64}
    zero = artifact("data/models/zero", params=zero_params, inputs=inputs)
    evaluated = {"evaluate": {"sampling": SAMPLING, "confidence": 0.95}}
    measured = artifact("data/evaluations/zero", params=evaluated, inputs={"data/models/zero": zero})
    artifact("data/report", inputs={"data/evaluations/zero": measured})
    group = {"pass_at_1": ESTIMATE, "language_mixing": ESTIMATE}
    write_json(Path("data/metrics/evaluate/zero.json"), {"chain_sum": {"train": group}, "general": {"all": {}}})
    write_json(Path("data/metrics/claims.json"), [CLAIM])


def card(name: str, **options: Any) -> str:
    export(name, Path(f"out-{name}"), options.get("form", "directory"), "bfloat16", None)
    return Path(f"out-{name}/README.md").read_text()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_directory_holds_the_rounded_model(dtype: Any) -> None:
    files = export("zero", Path("out"), "directory", dtype, None)
    assert {file.name for file in files} >= {"README.md", "config.json", "model.safetensors", "tokenizer.json"}
    before, after = load_model("data/models/zero"), load_model("out", getattr(torch, dtype))
    assert json.loads(Path("out/config.json").read_text())["dtype"] == dtype
    for name, weight in before.state_dict().items():
        assert torch.equal(weight.to(getattr(torch, dtype)), after.state_dict()[name]), name
    assert load_tokenizer("out").chat_template == load_tokenizer("data/models/zero").chat_template
    assert {file.stat().st_mode & 0o777 for file in files} == {Path("out/README.md").stat().st_mode & 0o777}


def test_the_card_tells_recipe_data_results_limits_and_licence() -> None:
    text = card("zero")
    head = yaml.safe_load(text.split("---")[1])
    assert head == {"license": "apache-2.0", "library_name": "transformers", "pipeline_tag": "text-generation"}
    for part in (
        "12,345 parameters. Weights in bfloat16.",
        "| `base` | pretraining from scratch |  | seed 17, max_steps 900, learning_rate 0.003 |",
        "| `zero` | RL (grpo) | 2.2 | seed 17, max_steps 100, rewards accuracy_reward × 1.0 |",
        "- `zero`: `data/prompts/rl.parquet`",
        "- generated problems: chain_sum\n",
        "8 samples per problem at temperature 1.0",
        "| chain_sum | train | 50.0 [40.0, 60.0] |  |  | 12 |",
        "| RL \\| raises pass@1 | +0.1 | [+0.05, +0.2] | reproduced |",
        "It mixes languages: 50.0 [40.0, 60.0] % of responses on chain_sum (train)",
        "Its context is 256 tokens",
        "pretrained from scratch on generated text; weights and generated data are Apache-2.0",
        "CC BY-NC 4.0: not for commercial use",
    ):
        assert part in text, part


def test_results_of_other_weights_are_left_out() -> None:
    artifact("data/evaluations/zero", inputs={"data/models/zero": "of another run"})
    text = card("zero")
    assert "have not been evaluated" in text and "50.0" not in text and "reproduced |" not in text


def test_claims_of_another_report_are_left_out() -> None:
    artifact("data/report", inputs={"data/evaluations/zero": "of another run"})
    text = card("zero")
    assert "| chain_sum | train |" in text and "RL \\| raises" not in text


@pytest.mark.parametrize(
    ("own", "licence"), [("---\nlicense: mit\n---\n# It\n", "mit"), ("# It\n", "other"), (None, "other")]
)
def test_a_checkpoints_own_licence_applies(own: str | None, licence: str) -> None:
    Path("published").mkdir()
    if own is not None:
        Path("published/README.md").write_text(own)
    artifact("data/models/base", params={"base": {"checkpoint": "published"}})
    text = card("base")
    assert yaml.safe_load(text.split("---")[1])["license"] == licence
    assert f"The weights descend from `published` ({licence})" in text


def test_a_hub_checkpoint_is_named_as_the_base_model() -> None:
    artifact("data/models/base", params={"base": {"checkpoint": "Qwen/Qwen2.5-1.5B"}})
    head = yaml.safe_load(card("base").split("---")[1])
    assert (head["base_model"], head["license"]) == ("Qwen/Qwen2.5-1.5B", "other")


def test_an_ancestor_that_was_made_anew_is_left_out() -> None:
    artifact("data/models/base", counts={"other": 1}, params={})
    Path("data/models/base/more").write_text("")
    artifact("data/models/base")
    text = card("zero")
    assert "| `base` |" not in text and "an unknown base" in text


def test_stop_strings_are_named() -> None:
    template = Path("data/models/base/chat_template.jinja")
    template.write_text(with_stop(template.read_text(), "</answer>"))
    artifact("data/models/base")
    assert "A completion ends at `</answer>`" in card("base")


def test_a_folder_in_use_is_refused_and_kept() -> None:
    Path("out").mkdir()
    Path("out/mine").write_text("mine")
    with pytest.raises(CannotExport, match="--to out: exists and is not empty"):
        export("zero", Path("out"), "directory", "bfloat16", None)
    assert Path("out/mine").read_text() == "mine"


def test_a_model_that_was_changed_is_refused() -> None:
    with Path("data/models/zero/config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(BrokenArtifact):
        export("zero", Path("out"), "directory", "bfloat16", None)
    assert not Path("out").exists()


class Hub:
    """What would have been sent."""

    sent: list[tuple[str, Any]]

    def create_repo(self, name: str, *, private: bool, exist_ok: bool) -> None:
        if name.startswith("nobody/"):
            raise PermissionError("403 Forbidden\nrequest id 1")
        Hub.sent.append((name, private))

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> str:
        Hub.sent.append((repo_id, sorted(file.name for file in folder_path.iterdir())))
        return f"hub/{repo_id}"


def test_a_push_creates_a_private_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    Hub.sent = []
    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    files = export("zero", Path("out"), "directory", "bfloat16", "me/zero")
    assert Hub.sent == [("me/zero", True), ("me/zero", sorted(file.name for file in files))]
    with pytest.raises(CannotExport, match=r"^--push nobody/zero: 403 Forbidden; the folder other is written$"):
        export("zero", Path("other"), "directory", "bfloat16", "nobody/zero")
    assert Path("other/README.md").is_file()


def test_without_a_push_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def connected(*_: Any, **__: Any) -> None:
        pytest.fail("a connection was opened")

    monkeypatch.setattr("socket.getaddrinfo", connected)
    card("zero")
