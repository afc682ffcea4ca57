"""An evaluation's samples in the forms of lighteval and lm-evaluation-harness, to score them anew there.

lm-evaluation-harness writes `samples_<family>.jsonl` with `--log_samples`: here one line per completion, so that a
task's `process_results(line["doc"], line["filtered_resps"])` scores it. lighteval writes `details_<family>.parquet`:
one row per problem, whose `doc` and `model_response` are the fields of its `Doc` and `ModelResponse`. Gold answers are
ours.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from r1.support.errors import UserError

EVALUATIONS = (Path("data/evaluations"), Path("data/reference"))
"""Models of the recipe, and published checkpoints that stages/reference.py measured."""
SAMPLES = "samples.parquet"
"""As r1/evaluation/evaluate.py names it, whose import takes seconds."""
_METRIC = "exact_match"


def export_samples(model: str, to: Path) -> list[Path]:
    """Write a model's samples, two files per family.

    Args:
        model: whose evaluation, such as `zero`, or a checkpoint of stages/reference.py.
        to: folder; created if missing, files of the same name are replaced.

    Returns:
        The files written.

    Raises:
        UserError: if the model has not been evaluated, or the folder cannot be written; names the evaluated models.
    """
    sources = {path.parent.name: path for folder in EVALUATIONS for path in sorted(folder.glob(f"*/{SAMPLES}"))}
    if model not in sources:
        raise UserError(f"no evaluation of {model!r} in data; evaluated models: {', '.join(sources) or 'none'}")
    samples, written = pd.read_parquet(sources[model]), list[Path]()
    if "family" not in samples:
        raise UserError(f"{sources[model]} is of an older version: run `dvc repro` to make it again")
    try:
        to.mkdir(parents=True, exist_ok=True)
        for family, rows in samples.groupby("family", sort=False):
            name = re.sub(r"[^\w.-]", "_", str(family))
            lines = [json.dumps(line, ensure_ascii=False) for line in _lm_evaluation_harness(rows)]
            written += [to / f"samples_{name}.jsonl", to / f"details_{name}.parquet"]
            written[-2].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            pd.DataFrame(_lighteval(rows)).to_parquet(written[-1], index=False)
    except OSError as error:
        raise UserError(f"cannot write to {to}: {error}") from error
    return written


def _lm_evaluation_harness(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in rows.to_dict("records"):
        doc = {
            "question": row["prompt"],
            "problem": row["prompt"],
            "answer": row["answer"],
            "solution": f"\\boxed{{{row['answer']}}}",
            "level": row["level"],
        }
        yield {
            "doc_id": int(row["problem"]),
            "doc": doc,
            "target": row["answer"],
            "arguments": {"gen_args_0": {"arg_0": row["prompt"]}},
            "resps": [[row["completion"]]],
            "filtered_resps": [row["completion"]],
            "filter": "none",
            "metrics": [_METRIC],
            "doc_hash": _digest(json.dumps(doc, indent=2, ensure_ascii=False)),
            "prompt_hash": _digest(row["prompt"]),
            "target_hash": _digest(row["answer"]),
            _METRIC: float(row["correct"]),
        }


def _lighteval(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for number, group in rows.groupby("problem", sort=True):
        first = group.iloc[0]
        yield {
            "doc": {
                "task_name": first["family"],
                "id": str(number),
                "query": first["prompt"],
                "choices": [first["answer"]],
                "gold_index": [0],
            },
            "model_response": {"input": first["prompt"], "text": group["completion"].tolist()},
            "metric": {_METRIC: float(group["correct"].mean())},
        }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
