"""The committed run, as it is in git: the working tree may hold another."""

import atexit
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PATHS = (
    "data/metrics",
    "data/plots",
    "data/ablation",
    "data/seeds",
    "data/control",
    "data/questions",
    "docs/questions",
    "params.yaml",
    "dvc.lock",
    "experiments/smollm2",
)


@cache
def committed() -> Path:
    """A directory with what `git archive HEAD` has of these paths; it goes when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="committed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    archive = subprocess.run(["git", "archive", "HEAD", *PATHS], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=folder, input=archive, check=True)
    return folder
