"""The trace browser's data: what every model answered to the same problems, within a budget of bytes."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import pandas as pd

from r1.reporting.excerpts import shorten
from r1.reporting.inline import as_json
from r1.reporting.recipe_picture import TITLES
from r1.support.artifacts import BrokenArtifact
from r1.support.tables import as_rows

SHOWN = 2
"""Answers per model and problem on the page: the first ones drawn."""
BUDGET = 2_200_000
"""Bytes of all answers together; the page stays below 3 MB."""
_LONGEST = 4000
"""Characters of a prompt or a completion at most."""
RIGHT, LENIENT, FORMED, TRUNCATED, MIXED = (1 << bit for bit in range(5))
"""Flags of an answer: right as RL rewards it, right when read leniently, in the form that RL rewards, cut, mixed."""


def collect_traces(samples: Mapping[str, pd.DataFrame], budget: int = BUDGET) -> dict[str, Any]:
    """Choose problems and answers for the page.

    Families take turns, and each contributes its problems evenly spread, until the budget is spent; the page shows
    them in the order of the evaluation. The first `SHOWN` answers of each model are shown; how many were right counts
    all of them.

    Args:
        samples: model -> every completion, as `r1.evaluation.evaluate.sample_problems` returns them; all models have
            the same problems.
        budget: bytes of the chosen problems with their answers.

    Returns:
        models: names. titles: what the page calls them. drawn: answers per problem. shown: of them on the page.
        total: number of problems. problems: a list of id, prompt, family, level, answer, right (number by model) and
        answers ([model][answer] -> completion, predicted or None, tokens, reflections, flags).

    Raises:
        BrokenArtifact: if the models were evaluated on different problems.
    """
    models = [model for model in TITLES if model in samples]
    first = samples[models[0]].drop_duplicates("problem")
    by_problem = {model: _grouped(samples[model]) for model in models}
    for model, groups in by_problem.items():
        if set(groups) != set(first["problem"]):
            raise BrokenArtifact(f"data/evaluations/{model} is of other problems than the rest: run `dvc repro`")
    families = first.groupby("family", sort=False)["problem"]
    turns = zip_longest(*(_spread(list(map(int, numbers))) for _, numbers in families))
    chosen: list[dict[str, Any]] = []
    spent = 0
    for number in (number for turn in turns for number in turn if number is not None):
        problem = _problem(number, {model: groups[number] for model, groups in by_problem.items()})
        spent += len(as_json(problem).encode())
        if chosen and spent > budget:
            break
        chosen.append(problem)
    return {
        "models": models,
        "titles": [TITLES[model] for model in models],
        "drawn": max(len(rows) for rows in next(iter(by_problem.values())).values()),
        "shown": SHOWN,
        "total": len(first),
        "problems": sorted(chosen, key=lambda problem: int(problem["id"])),
    }


def _spread(numbers: list[int]) -> list[int]:
    """The numbers, reordered so that every beginning of the list is spread over all of them.

    >>> _spread([0, 1, 2, 3, 4])
    [0, 4, 2, 1, 3]
    """
    bits = max(1, (len(numbers) - 1).bit_length())
    order = sorted(range(1 << bits), key=lambda place: int(f"{place:0{bits}b}"[::-1], 2))
    return [numbers[place] for place in order if place < len(numbers)]


def _grouped(table: pd.DataFrame) -> dict[int, list[dict[str, Any]]]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in as_rows(table):
        groups.setdefault(int(row["problem"]), []).append(row)
    return groups


def _problem(number: int, by_model: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    first = next(iter(by_model.values()))[0]
    return {
        "id": number,
        "prompt": shorten(first["prompt"], _LONGEST),
        "family": first["family"],
        "level": first["level"],
        "answer": shorten(str(first["answer"]), _LONGEST),
        "right": [sum(bool(row["correct"]) for row in rows) for rows in by_model.values()],
        "answers": [[_answer(row) for row in rows[:SHOWN]] for rows in by_model.values()],
    }


def _answer(row: Mapping[str, Any]) -> list[Any]:
    flags = {
        RIGHT: row["correct"],
        LENIENT: row["lenient_correct"],
        FORMED: row["well_formed"],
        TRUNCATED: row["truncated"],
        MIXED: row["mixed"],
    }
    return [
        shorten(row["completion"], _LONGEST),
        None if pd.isna(row["predicted"]) else shorten(str(row["predicted"]), 200),
        int(row["tokens"]),
        int(row["reflections"]),
        sum(flag for flag, is_set in flags.items() if is_set),
    ]
