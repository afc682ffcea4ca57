"""The inputs of a run: prompts by split, general prompts, the corpus; evaluation problems are in no other split.

Generated problems are short and use few words, so some share an n-gram by chance: these are counted (`shared_ngrams`)
and kept.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, get_args

from r1.config.data import GeneralSplit, PrepareConfig, PromptSplit, PublishedConfig
from r1.data.corpus import build_corpus
from r1.data.data_sets import draw_data_sets
from r1.data.decontamination import EvaluationNgrams
from r1.data.general import draw
from r1.data.general_data_sets import draw_general, read_general
from r1.data.sources import hashes
from r1.data.splits import GENERAL_BUCKETS, as_row, contamination, draw_problems

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Prepared:
    """The recipe's inputs.

    Attributes:
        prompts, general: rows by split.
        corpus: rows of `text`.
        sources, general_sources: hashes of the data sets' files, by name.
        metrics: counts, contamination, and dropped rows by reason.
    """

    prompts: dict[str, Rows]
    general: dict[str, Rows]
    corpus: Rows
    sources: dict[str, str]
    general_sources: dict[str, str]
    metrics: dict[str, Any]


def prepare(config: PrepareConfig, seed: int) -> Prepared:
    """Draw every split, drop unusable rows of data sets, and count what evaluation and training share.

    Raises:
        UserError: if a data set cannot be used, or a split ends up empty.
    """
    prompts = _generated_problems(config, seed)
    general: dict[str, Rows] = {
        split: [asdict(prompt) for prompt in draw(GENERAL_BUCKETS[split], getattr(config.general, split), seed)]
        for split in get_args(GeneralSplit)
    }
    corpus = build_corpus(config, seed)
    generated = [row["prompt"] for row in chain(*prompts.values(), *general.values(), corpus)]
    ngrams = _evaluation_ngrams(config, prompts, general)
    trained_on = _trained_on(prompts, general)
    general_sets = read_general(config.general_data_sets, generated, seed, ngrams)
    drawn, data_sets = draw_data_sets(config.data_sets, generated, seed, ngrams)
    general_drawn, general_data_sets = draw_general(config.general_data_sets, general_sets, seed, ngrams)
    shared_ngrams = {name: ngrams.count(asked) for name, asked in trained_on.items()}
    for split, rows in drawn.items():
        prompts[split] += rows
    for general_split, rows in general_drawn.items():
        general[general_split] += rows

    evaluation = [row["prompt"] for row in prompts["evaluate"] + general["evaluate"]]
    training = [
        row["prompt"]
        for rows in (*prompts.values(), *general.values(), corpus)
        if rows is not prompts["evaluate"] and rows is not general["evaluate"]
        for row in rows
    ]
    return Prepared(
        prompts,
        general,
        corpus,
        sources=_hashes("data_sets", config.data_sets),
        general_sources=_hashes("general_data_sets", config.general_data_sets),
        metrics={
            "contamination": contamination(evaluation, training),
            "problems": {split: len(rows) for split, rows in prompts.items()},
            "general": {split: len(rows) for split, rows in general.items()},
            "documents": len(corpus),
            "data_sets": data_sets,
            "general_data_sets": general_data_sets,
            "shared_ngrams": {"n": ngrams.n, "generated": shared_ngrams},
        },
    )


def _generated_problems(config: PrepareConfig, seed: int) -> dict[str, Rows]:
    return {
        split: [
            as_row(problem, name, family)
            for name, family in config.families.items()
            for problem in draw_problems(name, family, split, getattr(family, split), seed)
        ]
        for split in get_args(PromptSplit)
    }


def _evaluation_ngrams(
    config: PrepareConfig, prompts: Mapping[str, Rows], general: Mapping[str, Rows]
) -> EvaluationNgrams:
    ngrams = EvaluationNgrams(config.decontamination.ngram)
    for row in prompts["evaluate"]:
        ngrams.add(row["family"], [row["prompt"]])
    ngrams.add("general", (row["prompt"] for row in general["evaluate"]))
    return ngrams


def _trained_on(prompts: Mapping[str, Rows], general: Mapping[str, Rows]) -> dict[str, list[str]]:
    """Generated training prompts by family, general ones under `general`."""
    found: dict[str, list[str]] = {}
    for split, rows in prompts.items():
        for row in rows if split != "evaluate" else ():
            found.setdefault(row["family"], []).append(row["prompt"])
    for split, rows in general.items():
        for row in rows if split != "evaluate" else ():
            found.setdefault("general", []).append(row["prompt"])
    return found


def _hashes(key: str, data_sets: Mapping[str, PublishedConfig]) -> dict[str, str]:
    return {
        file: digest
        for name, source in data_sets.items()
        for file, digest in hashes(f"prepare.{key}.{name}", source).items()
    }
