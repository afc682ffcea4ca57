"""Every rollout of an RL run, on disk: a parquet file per generation round, within a budget."""

import logging
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq

from r1.training.recorder import Recorder

log = logging.getLogger(__name__)

FOLDER = "rollouts"
"""In a run's checkpoint folder, while it trains."""
TABLE = "rollouts.parquet"
"""All parts together, in the artifact of a stage that has ended."""
_COMPRESSION: Final = "zstd"
_MIB = 2**20
_NUMBERS = ("reward", "advantage", "sampler_logprob", "trainer_logprob")


class RolloutLog:
    """Write the rollouts of each round; beyond the budget, every second one of the older half of the rounds goes.

    Old rounds thus become sparser, evenly, and the newest are always there. What was kept is part of the recorder's
    state, so that a resumed run leaves the same files as an undisturbed one. Only the main process may add.
    """

    def __init__(self, folder: Path, budget_mib: int, record: Recorder) -> None:
        """Args: folder of the files; MiB that they may take together; the recorder that keeps the state."""
        self.folder, self.budget, self.record = folder, budget_mib * _MIB, record
        self._opened = False

    def add(self, step: int, rows: list[dict[str, Any]]) -> None:
        """Write the rollouts of a round.

        Args:
            step: optimizer step that first trains on them, from 1.
            rows: one per rollout, with the columns that docs/rollouts.md lists.
        """
        if not self._opened:
            self._drop_later_parts()
        path, kept = self._path(step), self.record.kept_rollouts
        aside = path.with_name(f".{path.name}.tmp")
        _typed(rows, step).to_parquet(aside, index=False, compression=_COMPRESSION)
        aside.replace(path)
        kept["rounds"] += 1
        kept["parts"].append([step, path.stat().st_size])
        while len(kept["parts"]) > 1 and sum(size for _, size in kept["parts"]) > self.budget:
            self._thin()

    def _thin(self) -> None:
        kept = self.record.kept_rollouts
        older = kept["parts"][: (len(kept["parts"]) + 1) // 2]
        dropped = older[1::2] or older
        for step, _ in dropped:
            self._path(step).unlink(missing_ok=True)
        kept["parts"] = [part for part in kept["parts"] if part not in dropped]
        log.info(
            "rollouts exceed rl.rollouts_mib = %d: dropped every second of the older rounds; %d of %d are kept",
            self.budget // _MIB,
            len(kept["parts"]),
            kept["rounds"],
        )

    def _drop_later_parts(self) -> None:
        """Remove what another run left here, and rounds after the checkpoint that this one resumes from."""
        self.folder.mkdir(parents=True, exist_ok=True)
        known = {self._path(step) for step, _ in self.record.kept_rollouts["parts"]}
        for file in self.folder.iterdir():
            if file not in known:
                file.unlink()
        self._opened = True

    def _path(self, step: int) -> Path:
        return self.folder / f"part-{step:06d}.parquet"


def write_together(folder: Path, file: Path) -> int:
    """Write all parts into one parquet file, a row group per part, without holding more than one part in memory.

    Returns:
        The number of parts.
    """
    parts = sorted(folder.glob("*.parquet"))
    schema = pq.read_schema(parts[0])
    with pq.ParquetWriter(file, schema, compression=_COMPRESSION) as writer:
        for part in parts:
            writer.write_table(pq.read_table(part, schema=schema))
    return len(parts)


def _typed(rows: list[dict[str, Any]], step: int) -> pd.DataFrame:
    """The same columns and types in every part, also where all values are unknown."""
    table = pd.DataFrame(rows)
    table.insert(0, "step", step)
    for name in table.columns:
        if name in _NUMBERS or name.startswith("reward_"):
            table[name] = table[name].astype("float32")
    for name in ("family", "task", "level", "answer"):
        table[name] = table[name].astype("string")
    return table
