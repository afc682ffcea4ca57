"""Checkpoints of others: read as data, never run; what cannot be used is refused in one line that names it."""

import ast
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from r1.models.chat import TEMPLATES
from r1.models.loading import BrokenCheckpoint, from_scratch, load_checkpoint, load_tokenizer, save
from r1.models.template_trial import BrokenTemplate, try_template
from r1.models.tokenizer import train_tokenizer
from r1.support.errors import reported
from tests.conftest import ROOT, compose, run_alone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with nothing wrong, untrained."""
    architecture = compose("profile=smoke").base.architecture
    assert architecture is not None
    tokenizer = train_tokenizer(["What is 1 + 2? First 1 + 2 = 3."] * 50, 300, "r1_zero_short")
    directory = tmp_path_factory.mktemp("whole")
    save(from_scratch(architecture, tokenizer, seed=0), tokenizer, directory)
    return directory


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(whole, tmp_path / "model")


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that is only there if somebody's code ran."""
    return tmp_path / "marker"


class Evil:
    """Unpickled, it makes the marker."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


def edit(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def add_code(model: Path, marker: Path) -> None:
    (model / "modeling_evil.py").write_text(
        f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
        "class EvilConfig: pass\nclass EvilModel: pass\nclass EvilTokenizer: pass\n"
    )


# --- pickles -----------------------------------------------------------------


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_pickled_weights_are_refused_and_not_read(write: Callable[[Any, Path], Any], model: Path, marker: Path) -> None:
    (model / "model.safetensors").unlink()
    write({"weight": Evil(marker)}, model / "pytorch_model.bin")
    with pytest.raises(BrokenCheckpoint, match=r"pytorch_model.bin is a pickle.*expected model.safetensors"):
        load_checkpoint(str(model))
    assert not marker.exists()


def test_an_index_of_safetensors_cannot_lead_to_a_pickle(model: Path, marker: Path) -> None:
    (model / "model.safetensors").unlink()
    torch.save({"weight": Evil(marker)}, model / "evil.bin")
    index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": "evil.bin"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BrokenCheckpoint):
        load_checkpoint(str(model))
    assert not marker.exists()


def test_a_pickle_beside_safetensors_is_left_alone(model: Path, marker: Path) -> None:
    torch.save({"weight": Evil(marker)}, model / "pytorch_model.bin")
    load_checkpoint(str(model))
    assert not marker.exists()


def test_every_load_is_of_safetensors_and_trusts_no_code() -> None:
    """Static: no call in r1/ or stages/ leaves either to a default, and nothing unpickles."""
    loads = 0
    for path in [*ROOT.glob("r1/**/*.py"), *ROOT.glob("stages/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            assert called not in {"torch.load", "pickle.load", "pickle.loads", "joblib.load"}, place
            if called == "LLM":
                assert given["trust_remote_code"] == "False" and given["load_format"] == "'safetensors'", place
            if called.endswith(".from_pretrained"):
                loads += 1
                assert given["trust_remote_code"] == "False", place
                if not called.startswith(("AutoTokenizer", "AutoConfig")):
                    assert given["use_safetensors"] == "True", place
    assert loads >= 8


# --- code --------------------------------------------------------------------


def test_code_of_a_known_architecture_is_not_run_and_not_passed_on(model: Path, marker: Path, tmp_path: Path) -> None:
    add_code(model, marker)
    edit(model / "config.json", auto_map={"AutoModelForCausalLM": "modeling_evil.EvilModel"})
    edit(model / "tokenizer_config.json", auto_map={"AutoTokenizer": ["modeling_evil.EvilTokenizer", None]})
    loaded, tokenizer = load_checkpoint(str(model))
    assert type(loaded).__module__.startswith("transformers.")
    assert type(tokenizer).__module__.startswith("transformers.")
    save(loaded, tokenizer, tmp_path / "saved")
    assert not [path for path in (tmp_path / "saved").glob("*.json") if "auto_map" in path.read_text()]
    assert not list((tmp_path / "saved").glob("*.py"))
    assert not marker.exists()


def test_an_architecture_that_needs_its_own_code_is_refused(model: Path, marker: Path) -> None:
    add_code(model, marker)
    names = {"AutoConfig": "modeling_evil.EvilConfig", "AutoModelForCausalLM": "modeling_evil.EvilModel"}
    edit(model / "config.json", model_type="evil", auto_map=names)
    with pytest.raises(BrokenCheckpoint, match=r"needs its own code \(auto_map in its config.json\)"):
        load_checkpoint(str(model))
    assert not marker.exists()


# --- damage ------------------------------------------------------------------


def remove(model: Path, pattern: str) -> None:
    for path in model.glob(pattern):
        path.unlink()


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no-weights": (lambda model: remove(model, "*.safetensors"), "no file named model.safetensors"),
    "weights-are-junk": (lambda model: (model / "model.safetensors").write_bytes(b"junk" * 99), "SafetensorError"),
    "weights-are-empty": (lambda model: (model / "model.safetensors").write_bytes(b""), "SafetensorError"),
    "weights-are-cut": (
        lambda model: (model / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:-999]),
        "incomplete metadata",
    ),
    "weights-of-another-size": (lambda model: edit(model / "config.json", hidden_size=8), "RuntimeError"),
    "no-config": (lambda model: remove(model, "config.json"), "Unrecognized model"),
    "config-is-cut": (lambda model: (model / "config.json").write_text("{"), "not a valid JSON file"),
    "unknown-model-type": (lambda model: edit(model / "config.json", model_type="gpt9"), "model type `gpt9`"),
    "no-tokenizer": (
        lambda model: remove(model, "tokenizer*"),
        "no tokenizer that can encode '1 \\+ 3'",
    ),
    "tokenizer-is-empty": (lambda model: (model / "tokenizer.json").write_text("{}"), "KeyError: 'added_tokens'"),
    "tokenizer-is-cut": (lambda model: (model / "tokenizer.json").write_text('{"version"'), "cannot be loaded"),
    "nothing": (lambda model: remove(model, "*"), "Unrecognized model"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_checkpoint_is_refused_by_name(damage: Callable[[Path], Any], message: str, model: Path) -> None:
    damage(model)
    with pytest.raises(BrokenCheckpoint, match=message) as caught:
        load_checkpoint(str(model))
    assert str(caught.value).startswith(f"{model} cannot be loaded: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "no such file or directory"),
        ("missing.gguf", None, "no such file or directory"),
        ("junk.gguf", b"junk" * 99, "not a GGUF file"),
        ("empty.gguf", b"", "empty file"),
        ("cut.gguf", b"GGUF\x03\0\0\0" + b"\xff" * 16, "cannot be loaded"),
        ("notes.txt", b"hello", "it is a file; expected a model directory, a .gguf file or a hub id"),
    ],
)
def test_what_is_no_checkpoint_is_refused_by_name(
    name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BrokenCheckpoint, match=message) as caught:
        load_checkpoint(str(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_user_sees_one_line_and_no_stack_trace() -> None:
    with pytest.raises(SystemExit, match=r"^error: /nowhere cannot be loaded: no such file or directory$"), reported():
        load_checkpoint("/nowhere")


# --- chat templates ----------------------------------------------------------

QUOTED = "{% for message in messages %}{{ message.content }}{% endfor %}"
ESCAPES = {
    "class": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    "globals": ("{{ cycler.__init__.__globals__.os.popen('touch MARKER') }}", "SecurityError"),
    "lipsum": ("{{ lipsum.__globals__['os'].popen('touch MARKER').read() }}", "SecurityError"),
    "self": ("{{ self.__init__.__globals__.__builtins__.open('MARKER', 'w') }}", "SecurityError"),
    "format": ("{{ '{0.__class__.__mro__}'.format('x') }}", "SecurityError"),
    "our-function": ("{{ raise_exception.__globals__.sys.modules }}", "SecurityError"),
    "attribute-filter": (
        "{{ messages|attr('__class__')|attr('__mro__') }}",
        "SecurityError|UndefinedError|leaves the question",
    ),
    "include": ("{% include '/etc/passwd' %}", "TypeError"),
    "import": ("{% import 'os' as os %}{{ os.system('touch MARKER') }}", "TypeError"),
    "long-loop": ("{% for i in range(10 ** 9) %}{% endfor %}", "OverflowError: Range too big"),
    "recursion": ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "RecursionError"),
    "much-memory": ("{{ 'x' * 10 ** 11 }}", "MemoryError"),
    "much-text": (QUOTED + "{{ 'x' * 10 ** 6 }}", "it renders a question to 10000"),
    "syntax": ("{% for %}", "TemplateSyntaxError"),
    "refuses-turns": (QUOTED + "{{ raise_exception('roles must alternate') }}", "roles must alternate"),
    "constant": ("You are a helpful assistant.", "leaves the question out"),
}


@pytest.mark.parametrize(("template", "message"), ESCAPES.values(), ids=ESCAPES.keys())
def test_a_template_runs_no_code_and_is_refused_in_a_line(
    template: str, message: str, whole: Path, marker: Path
) -> None:
    tokenizer = load_tokenizer(whole)
    tokenizer.chat_template = template.replace("MARKER", str(marker))
    with pytest.raises(BrokenTemplate, match=message) as caught:
        try_template(tokenizer, "some/checkpoint")
    assert "some/checkpoint" in str(caught.value) and "base.chat_template" in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert not marker.exists()


def test_a_template_that_runs_on_is_stopped(whole: Path) -> None:
    tokenizer = load_tokenizer(whole)
    tokenizer.chat_template = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(BrokenTemplate, match="takes more than 5 seconds"):
        try_template(tokenizer, "some/checkpoint", seconds=5)


def test_a_missing_template_says_what_to_do(whole: Path) -> None:
    tokenizer = load_tokenizer(whole)
    tokenizer.chat_template = None
    with pytest.raises(BrokenTemplate, match=r"has no chat template: set base.chat_template"):
        try_template(tokenizer, "some/checkpoint")


@pytest.mark.parametrize("template", [*TEMPLATES.values(), QUOTED], ids=[*TEMPLATES, "plain"])
def test_honest_templates_pass(template: str, whole: Path) -> None:
    tokenizer = load_tokenizer(whole)
    tokenizer.chat_template = template
    try_template(tokenizer, "some/checkpoint")


def test_the_trial_needs_no_torch() -> None:
    """It is to start fast, and to fit its memory limit."""
    run_alone(
        "import sys; from transformers.utils.chat_template_utils import render_jinja_template;"
        "assert 'torch' not in sys.modules"
    )
