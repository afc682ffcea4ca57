"""Compare every output of the smoke DAG between two revisions, byte by byte.

    python -m bench.revisions 20af4a0 HEAD
    python -m bench.revisions ../before ../after    # directories in which `dvc repro` has run

Runs each revision in its own clone, on this machine, with the packages installed here. Leaves out manifests, which
contain hashes of code and parameters, and clock-dependent outputs: data/metrics/throughput and data/plots/throughput.
Prints one Markdown row per output; exit code 1 if an output differs or exists in only one of them.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

OUTPUTS = (
    *("data/models/*", "data/reward_models/*", "data/evaluations/*"),
    *("data/prompts", "data/general", "data/corpus", "data/cold_start", "data/sft", "data/report"),
    *("data/plots/*.csv", "data/metrics/*.json", "data/metrics/evaluate/*.json"),
)
"""Patterns relative to the project root; a directory is one output."""
_MANIFEST = "manifest.json"


def main() -> int:
    """Run, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", help="a revision, or a directory in which the DAG has run")
    parser.add_argument("after", help="likewise")
    parser.add_argument(
        "--overrides", nargs="*", default=["profile=smoke"], help="Hydra overrides (default profile=smoke)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = []
        for number, given in enumerate((arguments.before, arguments.after)):
            if not Path(given).is_dir():
                print(f"running {given}", file=sys.stderr, flush=True)
                run(given, Path(directory, str(number)), arguments.overrides)
            found.append(hashes(Path(given) if Path(given).is_dir() else Path(directory, str(number))))
    before, after = found
    print(f"| output | {arguments.before} | {arguments.after} | |\n|---|---|---|---|")
    differ = 0
    for path in sorted(before.keys() | after.keys()):
        one, other = (side.get(path, "missing")[:12] for side in (before, after))
        differ += one != other
        print(f"| {path} | {one} | {other} | {'same' if one == other else 'DIFFERS'} |")
    print(f"\n{len(before.keys() | after.keys())} outputs, {differ} differ")
    return int(differ > 0 or not before)


def run(revision: str, root: Path, overrides: list[str]) -> None:
    """Clone a revision and run the DAG in it.

    Raises:
        CalledProcessError: if a command fails.
    """
    subprocess.run(["git", "clone", "--quiet", ".", root], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", _commit(revision)], cwd=root, check=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # The revision's own library must precede the installed one.
    environment = {**os.environ, "PYTHONPATH": str(root), "PATH": path}
    for command in (["python", "-m", "r1", "compose", *overrides], ["dvc", "repro"]):
        subprocess.run(command, cwd=root, env=environment, check=True, stdout=sys.stderr)


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of every output, by path from the root."""
    found = [path for pattern in OUTPUTS for path in sorted(root.glob(pattern)) if not path.name.startswith(".")]
    return {path.relative_to(root).as_posix(): _content(path) for path in found}


def _content(path: Path) -> str:
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(f"{file.relative_to(path)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    yield from sorted(file for file in path.rglob("*") if file.is_file() and file.name != _MANIFEST)


def _commit(revision: str) -> str:
    """Resolve a revision to a full commit hash: a clone has only the current branch."""
    command = ["git", "rev-parse", "--verify", f"{revision}^{{commit}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
