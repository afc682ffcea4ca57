"""Problems from files beside the generated ones: who gets which, so that none stands in two splits."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from r1.config import DataSet, PromptSplit
from r1.prompts.clean import NothingUsable, clean, tally
from r1.prompts.decontamination import EvaluationNgrams
from r1.prompts.splits import PROBLEM_BUCKETS, TooFewProblems, as_row
from r1.tasks import Problem, bucket, normalise

_BUCKETS = max(numbers.stop for split, numbers in PROBLEM_BUCKETS.items() if split in get_args(PromptSplit))
"""No data set feeds the corpus, whose buckets fold onto the others': no row lies idle for its sake."""


def draw_data_sets(
    data_sets: Mapping[str, DataSet], generated: Iterable[str], seed: int, evaluation: EvaluationNgrams
) -> tuple[dict[PromptSplit, list[dict[str, Any]]], dict[str, Any]]:
    """Rows of prompts files by split, and what became of each data set's rows.

    A question that is generated too is dropped, wherever it would stand: it may be trained on there
    and asked here. Of data sets that share a question the one that only evaluates keeps it, else the first.
    A row that would be trained on is dropped as "contaminated" if it shares an n-gram with an evaluation prompt.

    Args:
        data_sets: by name.
        generated: every prompt that the families, the general prompts and the corpus hold.
        seed: of the choice among more problems than are asked for.
        evaluation: generated evaluation prompts; those of data sets are added.

    Returns:
        Rows by split, and by data set: rows, kept, reasons of the others, rows contaminated by each
        evaluation set, rows used in each split.

    Raises:
        UserError: if a data set cannot be used.
        TooFewProblems: if it has fewer problems than a split asks for.
    """
    drawn: dict[PromptSplit, list[dict[str, Any]]] = {split: [] for split in get_args(PromptSplit)}
    counts: dict[str, Any] = {}
    taken = {normalise(prompt): "also_generated" for prompt in generated} if data_sets else {}
    read: dict[str, tuple[list[Problem], Counter[str]]] = {}
    evaluated: dict[str, list[Problem]] = {}
    for name, data_set in sorted(data_sets.items(), key=lambda item: set(item[1].splits) != {"evaluate"}):
        fresh: list[Problem] = []
        cleaned, reasons = clean(name, data_set)
        for problem in cleaned:
            stands = taken.get(normalise(problem.question))
            if stands is None:
                fresh.append(problem)
            else:
                reasons[stands] += 1
        if not fresh:
            raise NothingUsable(f"prepare.data_sets.{name}: {data_set.path}: {tally(0, reasons)}")
        taken |= {normalise(problem.question): "in_another_data_set" for problem in fresh}
        read[name] = fresh, reasons
        if "evaluate" in data_set.splits:
            evaluated[name] = _choose(_pool(fresh, "evaluate", data_set), "evaluate", data_set, seed)
            evaluation.add(name, (problem.question for problem in evaluated[name]))
    for name, (fresh, reasons) in read.items():  # only now is every evaluation prompt known
        data_set = data_sets[name]
        pools: dict[PromptSplit, list[Problem]] = {
            split: _pool(fresh, split, data_set) for split in data_set.splits if split != "evaluate"
        }
        clean_pools, by_set = _decontaminated(pools, evaluation)
        dropped = sum(len(pools[split]) - len(pool) for split, pool in clean_pools.items())
        reasons += Counter(contaminated=dropped)
        said = f"{data_set.path}: {tally(len(fresh) - dropped, reasons)}"
        print(f"prepare.data_sets.{name}: {said}", flush=True)
        used = {
            split: evaluated[name] if split == "evaluate" else _choose(clean_pools[split], split, data_set, seed)
            for split in data_set.splits
        }
        for split, chosen in used.items():
            asked = data_set.splits[split]
            if len(chosen) < (1 if asked == "all" else asked):
                key = f"prepare.data_sets.{name}.splits.{split}"
                raise TooFewProblems(f"{key} = {asked}: only {len(chosen)} belong there; {said}")
            drawn[split] += [as_row(problem, name, data_set) for problem in chosen]
        counts[name] = {
            "rows": len(fresh) + reasons.total() - dropped,
            "kept": len(fresh) - dropped,
            "reasons": dict(sorted(reasons.items())),
            "contaminated_by": by_set,
            "splits": {split: len(chosen) for split, chosen in used.items()},
        }
    return drawn, counts


def _pool(problems: list[Problem], split: PromptSplit, data_set: DataSet) -> list[Problem]:
    """The problems that may stand in a split."""
    alone = len(data_set.splits) == 1
    return [problem for problem in problems if alone or bucket(problem.identity, _BUCKETS) in PROBLEM_BUCKETS[split]]


def _decontaminated(
    pools: Mapping[PromptSplit, list[Problem]], evaluation: EvaluationNgrams
) -> tuple[dict[PromptSplit, list[Problem]], dict[str, int]]:
    """The pools without problems that share an n-gram, and how many of all do with each evaluation set."""
    problems = [(split, problem) for split, pool in pools.items() for problem in pool]
    contaminated, by_set = evaluation.examine(problem.question for _, problem in problems)
    kept: dict[PromptSplit, list[Problem]] = {split: [] for split in pools}
    for (split, problem), dropped in zip(problems, contaminated, strict=True):
        if not dropped:
            kept[split].append(problem)
    return kept, by_set


def _choose(pool: list[Problem], split: PromptSplit, data_set: DataSet, seed: int) -> list[Problem]:
    """As many problems of a pool as are asked for, at random, or all there are."""
    asked = data_set.splits[split]
    return pool if asked == "all" or asked >= len(pool) else random.Random(seed).sample(pool, asked)
