r"""Completions of an evaluation as lm-evaluation-harness logs samples, so that other evaluators can score them again.

A file per family, a line per problem:

    {"doc_id": 0, "doc": {"problem": "What is half of 1?", "question": "What is half of 1?", "answer": "1/2",
     "solution": "\\boxed{1/2}"}, "target": "1/2", "resps": [["It is \\boxed{0.5}.", ...]], "strict": [false, ...],
     "lenient": [true, ...]}

`doc` has the columns of GSM8K and MATH, whose tasks score it; docs/reference_figures.md shows how.
"""

import json
from pathlib import Path

import pandas as pd

from r1.reporting.terminal import SafeConsole, safe
from r1.support.artifacts import write_text
from r1.support.errors import UserError

_SOURCES = (Path("data/evaluations"), Path("data/reference"))
_TARGET = Path("data/exports")


def export(name: str) -> None:
    """Write data/exports/<name>/<family>.jsonl for one evaluated model, and print the paths.

    Args:
        name: a model of the recipe (`zero`), or a checkpoint that stages/reference.py measured.

    Raises:
        UserError: if it was not evaluated; the message lists those that were.
    """
    evaluated = {path.parent.name: path for source in _SOURCES for path in sorted(source.glob("*/samples.parquet"))}
    if name not in evaluated:
        raise UserError(
            f"no evaluation is named {name!r}; run `evaluate` or `reference` first, or export one of: "
            f"{', '.join(evaluated) or 'none yet'}"
        )
    samples = pd.read_parquet(evaluated[name])
    if "family" not in samples:
        raise UserError(f"{evaluated[name]} is of an older version, without families: run `dvc repro` to make it again")
    console = SafeConsole()
    for family, of_family in samples.groupby("family", sort=False):
        path = _TARGET / name / f"{family}.jsonl"
        write_text(path, as_logged(of_family))
        console.print(safe(path))


def as_logged(samples: pd.DataFrame) -> str:
    """JSON Lines, one problem a line, from one row per completion."""
    lines = []
    for number, (_, of_problem) in enumerate(samples.groupby("problem", sort=True)):
        prompt, answer = of_problem["prompt"].iloc[0], of_problem["answer"].iloc[0]
        columns = {"problem": prompt, "question": prompt, "answer": answer, "solution": rf"\boxed{{{answer}}}"}
        logged = {
            "doc_id": number,
            "doc": columns,
            "target": answer,
            "arguments": {"gen_args_0": {"arg_0": prompt}},
            "resps": [of_problem["completion"].tolist()],
            "strict": of_problem["correct"].tolist(),
            "lenient": of_problem["lenient_correct"].tolist(),
        }
        lines.append(json.dumps(logged, ensure_ascii=False) + "\n")
    return "".join(lines)
