"""The lock: whole, hashed, and its licences written down."""

import re
import tomllib
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements.licences import document
from tests.conftest import ROOT

LOCK = (ROOT / "requirements" / "cpu.lock").read_text()
UV = (ROOT / "requirements" / "uv.txt").read_text()
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE))
# torch's CPU build is on no index that pip trusts by default (PyPI has the CUDA build under the same version), so
# install.py asks for it by exact version at torch's own index, before the lock and WITHOUT a hash: the one package
# that is trusted by its origin (TLS) alone.
ELSEWHERE = {"torch"}
# requirements/overrides.txt says why they are left out.
LEFT_OUT = {"torchvision", "torchaudio", "torchcodec"}


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [
        *project["dependencies"],
        *(line for name in ("cpu", "gguf", "lora", "ray", "dev") for line in extras[name]),
    ]
    return [Requirement(line) for line in lines]


def test_every_line_of_the_lock_is_pinned_and_hashed() -> None:
    entries = [entry for entry in re.split(r"\n(?=[^\s#])", LOCK) if not entry.startswith("#")]
    assert len(entries) == len(PINS) > 200
    for entry in [*entries, UV.partition("\n")[2]]:
        assert re.match(r"[\w.-]+==[\w.+]+ (?:;[^\n]+)?\\\n    --hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[
            0
        ]
    assert not re.search(r"^(?:-e|--extra-index-url|--index-url|--trusted-host|git\+|https?:)|@ ", LOCK, re.MULTILINE)


def test_the_lock_holds_every_declared_dependency_in_a_version_that_was_asked_for() -> None:
    for requirement in declared():
        name = canonicalize_name(requirement.name)
        if name not in ELSEWHERE:
            assert requirement.specifier.contains(PINS[name]), requirement


def test_torch_is_the_version_that_is_declared() -> None:
    installer = (ROOT / "requirements" / "install.py").read_text()
    (torch,) = (requirement for requirement in declared() if requirement.name == "torch")
    assert "torch" not in PINS
    assert f'TORCH = "{str(torch.specifier).removeprefix("==")}+cpu"' in installer
    assert "--require-hashes" in installer and '"--no-deps"' in installer


def test_the_lock_holds_every_dependency_of_what_it_holds() -> None:
    """It is installed with --no-deps: what is missing in it would be missing in .venv."""
    missing = set()
    for name in (*PINS, *ELSEWHERE):
        for line in distribution(name).requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                missing.add(canonicalize_name(requirement.name))
    assert missing - set(PINS) <= ELSEWHERE | LEFT_OUT


def test_licences_are_of_the_locked_versions() -> None:
    text = (ROOT / "requirements" / "LICENSES.md").read_text().partition("## All")[2]
    rows = {name: version for name, version in re.findall(r"^\| ([\w.-]+) \| (\S+) \|", text, re.MULTILINE)}
    del rows["package"]
    assert rows.pop("torch").startswith("2.13.0")
    assert rows == PINS, "run requirements/licences.py in an environment made from the lock"


@pytest.mark.parametrize(("name", "why"), [("pygit2", "copyleft"), ("intel-openmp", "proprietary"), ("zss", "unknown")])
def test_licences_that_ask_for_a_look_are_flagged(name: str, why: str) -> None:
    text = (ROOT / "requirements" / "LICENSES.md").read_text().partition("## All")[0]
    assert re.search(rf"^\| {name} \| .* \| {why} \|$", text, re.MULTILINE)


def test_licences_are_what_the_packages_say() -> None:
    assert (ROOT / "requirements" / "LICENSES.md").read_text() == document()
