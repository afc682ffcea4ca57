"""Read every completion that a stage drew: RL rollouts, candidates of a data stage, samples of an evaluation."""

from pathlib import Path
from typing import TYPE_CHECKING

from r1.support.errors import UserError

if TYPE_CHECKING:  # pandas is heavy for the live page, which lists the sources only
    import pandas as pd

COLUMNS = (
    *("step", "group", "family", "task", "level", "prompt", "answer", "completion", "tokens", "truncated"),
    *("reward", "advantage", "sampler_logprob", "trainer_logprob"),
)
"""Columns of every table, missing where a kind does not know them; a kind's own columns come after them."""
_CANDIDATES = {"cold_start_data": "cold_start", "rejection_sampling": "sft"}
"""Folder of a data stage's candidates."""


class NoRollouts(UserError):
    """No rollouts are kept under that name, or none that were asked for, or they cannot be read."""


def sources(root: Path = Path()) -> dict[str, list[Path]]:
    """Parquet files by stage; those of an evaluation by `evaluate/<model>`.

    A stage that is training hides its last finished run.

    Args:
        root: the project's folder.
    """
    data, found = root / "data", dict[str, list[Path]]()
    for file in sorted(data.glob("rollouts/*/rollouts.parquet")):
        found[file.parent.name] = [file]
    for folder in sorted(data.glob(".checkpoints/*/*/rollouts"), key=lambda each: each.stat().st_mtime):
        if parts := sorted(folder.glob("part-*.parquet")):
            found[folder.parents[1].name] = parts
    for stage, name in _CANDIDATES.items():
        if (file := data / name / "candidates.parquet").is_file():
            found[stage] = [file]
    for file in sorted(data.glob("evaluations/*/samples.parquet")):
        found[f"evaluate/{file.parent.name}"] = [file]
    return found


def read(stage: str, root: Path = Path()) -> "pd.DataFrame":
    """Read what a stage drew, in the order in which it was drawn.

    Args:
        stage: such as `zero`, `rejection_sampling` or `evaluate/r1`.
        root: the project's folder.

    Returns:
        One row per completion: `COLUMNS`, then the columns that this kind alone has.

    Raises:
        NoRollouts: if there are none: says what there is; if a file is damaged: names it.
    """
    import pandas as pd

    known = sources(root)
    if stage not in known:
        raise NoRollouts(f"no rollouts are kept of {stage!r}; there are those of: {', '.join(known) or 'nothing yet'}")
    tables = [table for file in known[stage] if (table := _read(file)) is not None]
    if not tables:
        raise NoRollouts(f"the rollouts of {stage!r} were replaced while they were read; try again")
    frame = pd.concat(tables, ignore_index=True)
    others = [str(name) for name in frame if name not in COLUMNS]
    return frame.reindex(columns=[*COLUMNS, *others])


def _read(file: Path) -> "pd.DataFrame | None":
    import pandas as pd

    try:
        return pd.read_parquet(file)
    except FileNotFoundError:  # a running stage thins its parts, and gathers them when it ends
        return None
    except (OSError, ValueError) as error:  # pyarrow's errors among them
        reason = str(error).partition("\n")[0]
        raise NoRollouts(f"{file} cannot be read ({reason}): `dvc checkout` or the stage makes it anew") from error
