"""Run stages in a copy of the project, and watch memory meanwhile."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.project import environment, resident
from tests.conftest import ROOT, copy_project


@dataclass(frozen=True)
class Ran:
    """A stage that has run.

    Attributes:
        seconds: from start to end of its process.
        peak: highest memory in bytes: of the GPU, everything on it included, or resident without a GPU.
        output: stdout and stderr.
    """

    seconds: float
    peak: float
    output: str


class Copy:
    """A copy of this project with its own configuration."""

    def __init__(self, root: Path, overrides: Sequence[str]) -> None:
        """Copy the project unless it is there, and compose params.yaml."""
        self.root = root
        if not (root / "dvc.yaml").exists():
            copy_project(root)
            for name in ("models", ".venv"):  # what git does not know
                if (ROOT / name).exists():
                    (root / name).symlink_to(ROOT / name)
        self.call("-m", "r1", "compose", *overrides)

    def call(self, *arguments: str, stop_when: Callable[[], bool] | None = None) -> Ran:
        """Run Python there, and kill it once `stop_when` is true.

        Raises:
            SystemExit: with the end of its output, if it fails.
        """
        started, peak, killed = time.perf_counter(), 0.0, False
        with subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=environment(self.root),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            lines: list[str] = []
            assert process.stdout is not None
            reader = threading.Thread(target=lines.extend, args=(process.stdout,))
            reader.start()
            while process.poll() is None:
                peak = max(peak, _memory(process.pid))
                if stop_when is not None and stop_when():
                    process.kill()
                    killed = True
                time.sleep(0.2)
            reader.join()
        if process.returncode and not killed:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{''.join(lines)[-2000:]}")
        return Ran(time.perf_counter() - started, peak, "".join(lines))

    def stage(self, script: str, *overrides: str, stop_when: Callable[[], bool] | None = None) -> Ran:
        """Run a stage script."""
        return self.call(f"stages/{script}.py", *overrides, stop_when=stop_when)

    def once(self, made: str, script: str, *overrides: str) -> None:
        """Run a stage script unless its artifact is there."""
        if not (self.root / made).exists():
            self.stage(script, *overrides)

    def csv(self, path: str) -> pd.DataFrame:
        """Read a CSV file of the copy."""
        return pd.read_csv(self.root / path)


def _memory(pid: int) -> float:
    if has_gpu():
        asked = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        shown = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
        return float(shown[0]) * 2**20 if shown else 0.0
    return float(resident(pid))


def has_gpu() -> bool:
    """Whether torch sees a GPU."""
    import torch

    return torch.cuda.is_available()


def phases(table: pd.DataFrame) -> str:
    """Seconds per step and tokens/s by phase as Markdown cells, the first step left out: it compiles and warms up."""
    table = table.iloc[1:] if len(table) > 1 else table
    cells = []
    for phase in ("generate", "score", "train"):
        seconds, tokens = table[f"{phase}_seconds"].sum(), table[f"{phase}_tokens"].sum()
        cells.append(f"{seconds / len(table):.2f} s, {tokens / max(seconds, 1e-9):,.0f} tokens/s")
    return " | ".join(cells)
