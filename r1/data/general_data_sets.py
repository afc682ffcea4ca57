"""General prompts from published data sets, beside the generated ones: instructions, preferences, safety.

Their evaluation prompts are chosen before any problem is drawn, their training prompts after, so that both kinds of
training prompts are checked against both kinds of evaluation prompts.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from r1.config.data import GeneralDataSetConfig, GeneralSplit
from r1.data.adapters import GENERAL_ADAPTERS
from r1.data.clean import NothingUsable, Reason, tally, usable_prompt
from r1.data.data_sets import in_split, share_out, take
from r1.data.decontamination import EvaluationNgrams
from r1.data.general import GeneralPrompt
from r1.data.sources import rows
from r1.data.splits import GENERAL_BUCKETS
from r1.tasks import normalise


@dataclass(frozen=True)
class GeneralSet:
    """A general data set, read and cleaned.

    Attributes:
        prompts: distinct usable prompts, in file order.
        reasons: number of dropped rows by reason.
        evaluated: prompts chosen for evaluation.
    """

    prompts: list[GeneralPrompt]
    reasons: Counter[str]
    evaluated: list[GeneralPrompt]


def read_general(
    data_sets: Mapping[str, GeneralDataSetConfig], generated: Iterable[str], seed: int, evaluation: EvaluationNgrams
) -> dict[str, GeneralSet]:
    """Read every general data set, and add its evaluation prompts to `evaluation`.

    Args:
        data_sets: by name.
        generated: generated prompts, which data sets must not repeat.
        seed: for the choice of evaluation prompts.
        evaluation: n-grams, to which the evaluation prompts are added.

    Raises:
        UserError: if a data set cannot be used.
        NothingUsable: if it has no usable row.
    """
    own = {normalise(prompt) for prompt in generated} if data_sets else set()
    read = {}
    for name, data_set in data_sets.items():
        prompts, reasons = _clean(name, data_set, own)
        evaluated: list[GeneralPrompt] = []
        if "evaluate" in data_set.splits:
            pool = in_split(prompts, "evaluate", data_set.splits, GENERAL_BUCKETS)
            evaluated = take(pool, data_set.splits["evaluate"], seed)
            evaluation.add(name, (found.prompt for found in evaluated))
        read[name] = GeneralSet(prompts, reasons, evaluated)
    return read


def draw_general(
    data_sets: Mapping[str, GeneralDataSetConfig],
    read: Mapping[str, GeneralSet],
    seed: int,
    evaluation: EvaluationNgrams,
) -> tuple[dict[GeneralSplit, list[dict[str, Any]]], dict[str, Any]]:
    """Rows by split, and counts of each data set's rows as in `draw_data_sets`.

    Data sets are shuffled together, since a stage may use only the first rows. No prompt is twice in a split; the first
    data set keeps it.

    Raises:
        TooFewProblems: if a data set has fewer prompts than a split requests.
    """
    drawn: dict[GeneralSplit, list[dict[str, Any]]] = {split: [] for split in get_args(GeneralSplit)}
    seen: dict[GeneralSplit, set[str]] = {split: set() for split in get_args(GeneralSplit)}
    counts: dict[str, Any] = {}
    for name, data_set in data_sets.items():
        found = read[name]
        pools: dict[GeneralSplit, list[GeneralPrompt]] = {
            split: in_split(found.prompts, split, data_set.splits, GENERAL_BUCKETS)
            for split in data_set.splits
            if split != "evaluate"
        }
        if found.evaluated:
            pools["evaluate"] = found.evaluated
        used, counts[name] = share_out(
            f"prepare.general_data_sets.{name}", data_set.path, data_set.splits, pools, len(found.prompts),
            found.reasons, evaluation, lambda item: item.prompt, seed,
        )  # fmt: skip
        for split, chosen in used.items():
            fresh = [item for item in chosen if item.identity not in seen[split]]
            seen[split] |= {item.identity for item in fresh}
            drawn[split] += [asdict(item) for item in fresh]
            counts[name]["splits"][split] = len(fresh)
    for split_rows in drawn.values():
        random.Random(seed).shuffle(split_rows)
    return drawn, counts


def _clean(name: str, data_set: GeneralDataSetConfig, own: set[str]) -> tuple[list[GeneralPrompt], Counter[str]]:
    prompts: list[GeneralPrompt] = []
    reasons: Counter[str] = Counter()
    seen: set[str] = set()
    key, adapter = f"prepare.general_data_sets.{name}", GENERAL_ADAPTERS[data_set.adapter]
    for row in rows(key, data_set, adapter.columns):
        found: Reason | GeneralPrompt = row if isinstance(row, str) else adapter.convert(row)
        if isinstance(found, GeneralPrompt):
            found = usable_prompt(found)
        if isinstance(found, str):
            reasons[found] += 1
        elif found.identity in own or found.identity in seen:
            reasons["also_generated" if found.identity in own else "duplicate"] += 1
        else:
            seen.add(found.identity)
            prompts.append(found)
    if not prompts:
        raise NothingUsable(f"{key}: {data_set.path}: {tally(0, reasons)}")
    return prompts, reasons
