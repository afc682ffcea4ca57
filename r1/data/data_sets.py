"""Assign the problems of data sets to splits, so that none is in two."""

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args

from r1.config.data import DataSetConfig, GeneralSplit, PromptSplit
from r1.data.clean import NothingUsable, clean, tally
from r1.data.decontamination import EvaluationNgrams
from r1.data.general import GeneralPrompt
from r1.data.splits import PROBLEM_BUCKETS, TooFewProblems, as_row
from r1.tasks import Problem, bucket, normalise

log = logging.getLogger(__name__)

Item = TypeVar("Item", Problem, GeneralPrompt)
SplitName = TypeVar("SplitName", PromptSplit, GeneralSplit)
Asked = int | Literal["all"]


def draw_data_sets(
    data_sets: Mapping[str, DataSetConfig], generated: Iterable[str], seed: int, evaluation: EvaluationNgrams
) -> tuple[dict[PromptSplit, list[dict[str, Any]]], dict[str, Any]]:
    """Rows of the prompts files by split, and what became of each data set's rows.

    A question that is also generated is dropped from every split: training may use one copy and evaluation the other.
    Of data sets that share a question, one that only evaluates keeps it, otherwise the first.
    A training row is dropped as "contaminated" if it shares an n-gram with an evaluation prompt.

    Args:
        data_sets: by name.
        generated: every prompt of the families, the general prompts and the corpus.
        seed: for the random choice where there are more problems than requested.
        evaluation: n-grams of the generated evaluation prompts; those of data sets are added.

    Returns:
        Rows by split, and counts by data set: rows, kept, dropped by reason, contaminated by each evaluation set,
        used in each split.

    Raises:
        UserError: if a data set cannot be used.
        TooFewProblems: if it has fewer problems than a split requests.
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
            pool = in_split(fresh, "evaluate", data_set.splits, PROBLEM_BUCKETS)
            evaluated[name] = take(pool, data_set.splits["evaluate"], seed)
            evaluation.add(name, (problem.question for problem in evaluated[name]))
    for name, (fresh, reasons) in read.items():  # only now is every evaluation prompt known
        data_set = data_sets[name]
        pools: dict[PromptSplit, list[Problem]] = {
            split: in_split(fresh, split, data_set.splits, PROBLEM_BUCKETS)
            for split in data_set.splits
            if split != "evaluate"
        }
        key = f"prepare.data_sets.{name}"
        if name in evaluated:
            pools["evaluate"] = evaluated[name]
        used, counts[name] = share_out(
            key, data_set.path, data_set.splits, pools, len(fresh), reasons, evaluation, lambda p: p.question, seed
        )
        for split, chosen in used.items():
            drawn[split] += [as_row(problem, name, data_set) for problem in chosen]
    return drawn, counts


def in_split(
    items: Sequence[Item], split: Any, splits: Mapping[Any, Asked], buckets: Mapping[Any, range]
) -> list[Item]:
    """The items that belong to a split, by their identities.

    Shares are proportional to the splits' buckets, over only those splits that the data set feeds: no row is left
    unused for the others.
    """
    fed = [name for name in buckets if name in splits]
    total = sum(len(buckets[name]) for name in fed)
    start = sum(len(buckets[name]) for name in fed[: fed.index(split)])
    mine = range(start, start + len(buckets[split]))
    return [item for item in items if bucket(item.identity, total) in mine]


def take(pool: list[Item], asked: Asked, seed: int) -> list[Item]:
    """A random sample of the requested size, or the full pool if it has no more."""
    return pool if asked == "all" or asked >= len(pool) else random.Random(seed).sample(pool, asked)


def share_out(
    key: str,
    path: str,
    splits: Mapping[SplitName, Asked],
    pools: Mapping[SplitName, list[Item]],
    usable: int,
    reasons: Counter[str],
    evaluation: EvaluationNgrams,
    text: Callable[[Item], str],
    seed: int,
) -> tuple[dict[SplitName, list[Item]], dict[str, Any]]:
    """One data set's items by split, without those that share an n-gram with evaluation, and counts.

    Args:
        key: configuration key of the data set, for messages.
        path: path of the data set, for messages.
        splits: requested number by split.
        pools: items that belong to each split; for `evaluate`, those already chosen.
        usable: number of usable rows.
        reasons: number of dropped rows by reason; contaminated ones are added.
        evaluation: n-grams of every evaluation prompt.
        text: returns an item's prompt.
        seed: for the random choice.

    Raises:
        TooFewProblems: if a split requests more than there are.
    """
    trained = {split: pool for split, pool in pools.items() if split != "evaluate"}
    shared, by_set = evaluation.find_shared(text(item) for pool in trained.values() for item in pool)
    contaminated = iter(shared)
    kept = {split: [item for item in pool if not next(contaminated)] for split, pool in trained.items()}
    dropped = sum(shared)
    reasons += Counter(contaminated=dropped)
    said = f"{path}: {tally(usable - dropped, reasons)}"
    log.info("%s: %s", key, said)
    used = {
        split: pools[split] if split == "evaluate" else take(kept[split], asked, seed)
        for split, asked in splits.items()
    }
    for split, asked in splits.items():
        if len(used[split]) < (1 if asked == "all" else asked):
            raise TooFewProblems(f"{key}.splits.{split} = {asked}: only {len(used[split])} belong there; {said}")
    counts = {
        "rows": usable - dropped + reasons.total(),
        "kept": usable - dropped,
        "reasons": dict(sorted(reasons.items())),
        "contaminated_by": by_set,
        "splits": {split: len(chosen) for split, chosen in used.items()},
    }
    return used, counts
