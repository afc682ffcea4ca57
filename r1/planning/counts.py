"""Row counts of splits, before anything is downloaded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from r1.config.data import PublishedConfig
from r1.support.errors import ConfigurationError

_HUB_ROWS = {
    ("EleutherAI/hendrycks_math", "*/train-*.parquet"): 9255,  # of levels 3 to 5, training and test set together
    ("HuggingFaceH4/MATH-500", "test.jsonl"): 500,
    ("openai/gsm8k", "main/test-*.parquet"): 1319,
    ("HuggingFaceH4/aime_2024", "data/train-*.parquet"): 30,
    ("yentinglin/aime_2025", "data/train-*.parquet"): 30,
    ("openai/openai_humaneval", "openai_humaneval/test-*.parquet"): 164,
    ("google-research-datasets/mbpp", "full/test-*.parquet"): 500,
}
"""Published row counts of the hub data sets that conf/data takes in full."""


def count_rows(key: str, data: PublishedConfig, splits: Mapping[Any, int | Literal["all"]], split: str) -> int:
    """Rows that a split gets; splits of one data set that are set to `all` share its rows evenly.

    Raises:
        ConfigurationError: if a split is `all` and the rows of its data set cannot be counted here.
    """
    wanted = splits.get(split, 0)
    return wanted if wanted != "all" else _all_rows(key, data, split) // list(splits.values()).count("all")


def _all_rows(key: str, data: PublishedConfig, split: str) -> int:
    files = data.data_files or ()
    if len(files) and (data.path, files[0]) in _HUB_ROWS:
        return _HUB_ROWS[data.path, files[0]]
    if not Path(data.path).expanduser().exists():
        raise ConfigurationError(f"{key}.splits.{split} = 'all': cannot count the rows of {data.path}: no such path")
    from r1.data.sources import locate

    return sum(_rows(path) for path in locate(key, data).values())


def _rows(path: Path) -> int:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return int(parquet.read_metadata(path).num_rows)
    if path.suffix == ".json":
        return len(json.loads(path.read_bytes()))
    with path.open() as lines:
        return sum(1 for line in lines if json.loads(line or "null"))
