"""Artifacts: written to a temporary directory and moved into place, each with a manifest of its origin."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from r1.support.errors import UserError, room_on

MANIFEST = "manifest.json"
_HASHING_THREADS = 8


class BrokenArtifact(UserError):
    """An artifact is missing, incomplete, or differs from its manifest."""


@contextmanager
def write_aside(target: Path) -> Iterator[Path]:
    """Yield a temporary directory to write into; it becomes `target` if the block succeeds.

    A killed or failing writer leaves the old target or none, never a partial one.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):
        shutil.rmtree(leftover)
    aside.mkdir(parents=True)
    try:
        with room_on(aside):
            yield aside
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if target.exists():  # moved away first: a kill in between leaves no target, never a partial one
        old = target.with_name(f".{target.name}.old.tmp")
        target.rename(old)
        aside.rename(target)
        shutil.rmtree(old)
    else:
        aside.rename(target)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, keeping the order of keys."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, creating its directory if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_text(text)
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        BrokenArtifact: if the file is missing or not valid JSON.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BrokenArtifact(f"{path} cannot be read ({error}): run `dvc repro` to create it") from error


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of a directory's file names and contents without its manifest.

    Raises:
        BrokenArtifact: if the path does not exist.
    """
    if path.is_file():
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    if not path.is_dir():
        raise BrokenArtifact(f"{path} is missing: run `dvc repro` to create it")
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != MANIFEST)
    digest = hashlib.sha256()
    with ThreadPoolExecutor(_HASHING_THREADS) as pool:  # hashing releases the GIL; a large model has many files
        for file, hashed in zip(files, pool.map(content_hash, files), strict=True):
            digest.update(f"{file.relative_to(path)}\0{hashed}\n".encode())
    return digest.hexdigest()


def write_manifest(directory: Path, values: dict[str, Any]) -> None:
    """Write a manifest with the hash of a directory's current contents, sealed with a hash of the manifest itself."""
    manifest = {**values, "content": content_hash(directory)}
    write_json(directory / MANIFEST, {**manifest, "seal": _seal(manifest)})


def _seal(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def check_whole(artifact: Path) -> str:
    """Check an artifact against its manifest, and the manifest against its seal.

    Returns:
        The hash of its contents.

    Raises:
        BrokenArtifact: if it is missing, incomplete, or was changed after it was written.
    """
    manifest = read_manifest(artifact)
    seal = manifest.pop("seal", None)
    content = content_hash(artifact)
    if seal != _seal(manifest) or manifest["content"] != content:
        raise BrokenArtifact(f"{artifact} is truncated or was changed after it was written; `dvc repro` restores it")
    return content


def read_manifest(artifact: Path) -> dict[str, Any]:
    """Read the manifest of an artifact directory.

    Raises:
        BrokenArtifact: if the artifact or its manifest is missing or unreadable.
    """
    try:
        manifest: dict[str, Any] = read_json(artifact / MANIFEST)
    except BrokenArtifact as error:
        raise BrokenArtifact(f"{artifact} is not a complete artifact ({error})") from error
    return manifest
