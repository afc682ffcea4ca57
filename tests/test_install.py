"""The installer: what it hands on to uv, and that it makes a whole environment, of tiny packages, with uv or pip."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from requirements import install as installer
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

UV = Path(sys.executable).with_name("uv")


@pytest.mark.parametrize(
    ("listing", "flags", "variables"),
    [
        ("", [], {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_LINK_MODE": "copy"}),
        (
            "global.index-url='https://u:p@mirror/simple'\nglobal.extra-index-url='https://a/simple file:///b'",
            *([], {"UV_DEFAULT_INDEX": "https://u:p@mirror/simple", "UV_INDEX": "https://a/simple file:///b"}),
        ),
        ("global.find-links='\\n/wheels\\nhttps://c/wheels'", [], {"UV_FIND_LINKS": "/wheels,https://c/wheels"}),
        (  # a variable before a file, a section of its own before all commands', other commands' not at all
            ":env:.find-links='/env'\ndownload.index-url='no'\nglobal.find-links='/file'\nglobal.index-url='all'\n"
            "install.index-url='ours'",
            *([], {"UV_FIND_LINKS": "/env", "UV_DEFAULT_INDEX": "ours"}),
        ),
        (
            "global.cert='/ca.pem'\nglobal.client-cert='/me.pem'\nglobal.trusted-host='a b:80'\n:env:.timeout='60'\n"
            "global.proxy='http://proxy:3128'",
            [],
            {
                **{"SSL_CERT_FILE": "/ca.pem", "SSL_CLIENT_CERT": "/me.pem", "UV_INSECURE_HOST": "a b:80"},
                **{"HTTPS_PROXY": "http://proxy:3128", "HTTP_PROXY": "http://proxy:3128", "UV_HTTP_TIMEOUT": "60"},
            },
        ),
        ("global.no-index='true'\n:env:.no-cache-dir='1'", ["--no-index", "--no-cache"], {}),
        ("global.no-index='false'\n:env:.no-cache-dir='0'", [], {}),
    ],
)
def test_uv_looks_where_pip_looks(listing: str, flags: list[str], variables: dict[str, str]) -> None:
    found_flags, found = installer.uv_settings(listing, {})
    assert found_flags == flags
    assert variables.items() <= found.items()


def test_what_the_environment_says_to_uv_wins() -> None:
    listing = "global.index-url='https://pip/simple'\nglobal.cert='/pip.pem'"
    own = {"UV_DEFAULT_INDEX": "https://uv/simple", "UV_LINK_MODE": "hardlink", "SSL_CERT_FILE": "/own.pem"}
    assert own.items() <= installer.uv_settings(listing, own)[1].items()


def test_certificates_that_pip_takes_from_the_environment_are_uv_s_too() -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert installer.uv_settings("", {name: "/ca.pem"})[1]["SSL_CERT_FILE"] == "/ca.pem"
    assert installer.uv_settings("global.cert='/b.pem'", {"CURL_CA_BUNDLE": "/a"})[1]["SSL_CERT_FILE"] == "/b.pem"


def test_bytecode_is_compiled_where_no_import_may_write_it() -> None:
    assert installer.uv_settings("", {"PYTHONDONTWRITEBYTECODE": "1"})[0] == ["--compile-bytecode"]


def wheel(folder: Path, name: str, version: str) -> str:
    """A wheel of one empty module; its hash."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip, to be copied, which takes a tenth of the time of making one."""
    environment = tmp_path_factory.mktemp("bare") / ".venv"
    venv.create(environment, with_pip=True)
    return environment


@pytest.fixture
def tiny(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if torch and the one package of the lock were tiny; both in pip's find-links, and nothing on any index."""
    wheels, lock = tmp_path / "wheels", tmp_path / "cpu.lock"
    wheels.mkdir()
    wheel(wheels, "torch", installer.TORCH)
    lock.write_text(f"tiny==1.0 \\\n    --hash=sha256:{wheel(wheels, 'tiny', '1.0')}\n")
    environment = tmp_path / ".venv"
    for name, value in {
        **{"VENV": environment, "LOCK": lock, "LOCKED": (*installer.LOCKED[:-1], str(lock))},
        **{"PYTHON": environment / "bin" / "python", "UV": environment / "bin" / "uv"},
        **{"STAMP": environment / "installed-from", "TORCH_INDEX": (tmp_path / "torch index").as_uri()},
    }.items():
        monkeypatch.setattr(installer, name, value)
    monkeypatch.setattr(venv, "create", lambda target, with_pip: shutil.copytree(bare, target, symlinks=True))
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "empty").as_uri())
    monkeypatch.setenv("PIP_FIND_LINKS", wheels.as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return environment


def imported(environment: Path) -> str:
    """Where torch, the lock's package and this project come from there."""
    code = "import tiny, torch, r1; print(r1.__file__)"
    command = [str(environment / "bin" / "python"), "-c", code]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, env=variables, cwd="/", stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_pip_installs_where_uv_cannot_be_had(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert installer.broken_because() == "there is none"
    installer.install()
    output = capfd.readouterr().out
    assert "uv does not work here (it could not be installed): starting over with pip" in output
    assert "made .venv with pip in" in output
    assert installer.broken_because() is None
    assert imported(tiny) == str(ROOT / "r1" / "__init__.py")

    shutil.rmtree(next(tiny.glob("lib/*/site-packages/tiny-1.0.dist-info")))
    assert installer.broken_because() == "packages are missing or of another version: tiny"
    installer.STAMP.unlink()
    assert installer.broken_because() == "an installation was not finished"


@pytest.mark.skipif(not UV.exists(), reason="this environment was made by pip: it has no uv")
@pytest.mark.parametrize("torch_from", ["find-links", "its own index"])
def test_uv_installs_from_where_pip_would(
    torch_from: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if torch_from == "its own index":
        (name,) = (path.name for path in (tmp_path / "wheels").glob("torch-*"))
        (tmp_path / "torch index" / "torch").mkdir(parents=True)
        (tmp_path / "wheels" / name).rename(tmp_path / "torch index" / "torch" / name)
        (tmp_path / "torch index" / "torch" / "index.html").write_text(f'<a href="{name}">{name}</a>')
    monkeypatch.setattr(installer, "get_uv", lambda: bool(shutil.copy(UV, installer.UV)))
    installer.install()
    assert "made .venv with uv in" in capfd.readouterr().out
    assert installer.broken_because() is None
    assert imported(tiny) == str(ROOT / "r1" / "__init__.py")


@pytest.mark.skipif(not UV.exists(), reason="this environment was made by pip: it has no uv")
def test_a_package_that_is_not_the_locked_one_is_refused_by_both(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installer, "get_uv", lambda: bool(shutil.copy(UV, installer.UV)))
    installer.LOCK.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(SystemExit, match="the lock could not be installed"):
        installer.install()
    assert "uv does not work here (it could not install the lock)" in capfd.readouterr().out
    assert installer.broken_because() == "an installation was not finished"
