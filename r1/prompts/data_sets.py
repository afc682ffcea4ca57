"""Problems from files beside the generated ones: who gets which, so that none stands in two splits."""

import random
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from r1.config import DataSet, PromptSplit
from r1.prompts.clean import NothingUsable, clean, tally
from r1.prompts.splits import PROBLEM_BUCKETS, TooFewProblems, as_row
from r1.tasks import Problem, bucket, normalise

_BUCKETS = max(numbers.stop for split, numbers in PROBLEM_BUCKETS.items() if split in get_args(PromptSplit))
"""No data set feeds the corpus, whose buckets fold onto the others': no row lies idle for its sake."""


def draw_data_sets(
    data_sets: Mapping[str, DataSet], generated: Iterable[str], seed: int
) -> tuple[dict[PromptSplit, list[dict[str, Any]]], dict[str, Any]]:
    """Rows of prompts files by split, and what became of each data set's rows.

    A question that is generated too is dropped, wherever it would stand: it may be trained on there
    and asked here. Of data sets that share a question the one that only evaluates keeps it, else the first.

    Args:
        data_sets: by name.
        generated: every prompt that the families, the general prompts and the corpus hold.
        seed: of the choice among more problems than are asked for.

    Returns:
        Rows by split, and by data set: rows, kept, reasons of the others, rows used in each split.

    Raises:
        UserError: if a data set cannot be used.
        TooFewProblems: if it has fewer problems than a split asks for.
    """
    drawn: dict[PromptSplit, list[dict[str, Any]]] = {split: [] for split in get_args(PromptSplit)}
    counts: dict[str, Any] = {}
    taken = {normalise(prompt): "also_generated" for prompt in generated} if data_sets else {}
    for name, data_set in sorted(data_sets.items(), key=lambda item: set(item[1].splits) != {"evaluate"}):
        fresh: list[Problem] = []
        cleaned, reasons = clean(name, data_set)
        for problem in cleaned:
            stands = taken.get(normalise(problem.question))
            if stands is None:
                fresh.append(problem)
            else:
                reasons[stands] += 1
        key, said = f"prepare.data_sets.{name}", f"{data_set.path}: {tally(len(fresh), reasons)}"
        if not fresh:
            raise NothingUsable(f"{key}: {said}")
        print(f"{key}: {said}", flush=True)
        taken |= {normalise(problem.question): "in_another_data_set" for problem in fresh}
        used = {split: _choose(fresh, split, data_set, seed) for split in data_set.splits}
        for split, chosen in used.items():
            asked = data_set.splits[split]
            if len(chosen) < (1 if asked == "all" else asked):
                raise TooFewProblems(f"{key}.splits.{split} = {asked}: only {len(chosen)} belong there; {said}")
            drawn[split] += [as_row(problem, name, data_set) for problem in chosen]
        counts[name] = {
            "rows": len(fresh) + reasons.total(),
            "kept": len(fresh),
            "reasons": dict(sorted(reasons.items())),
            "splits": {split: len(chosen) for split, chosen in used.items()},
        }
    return drawn, counts


def _choose(problems: list[Problem], split: PromptSplit, data_set: DataSet, seed: int) -> list[Problem]:
    """As many problems of a split as are asked for, at random, or all there are."""
    alone, asked = len(data_set.splits) == 1, data_set.splits[split]
    pool = [problem for problem in problems if alone or bucket(problem.identity, _BUCKETS) in PROBLEM_BUCKETS[split]]
    return pool if asked == "all" or asked >= len(pool) else random.Random(seed).sample(pool, asked)
