"""What the attacks ask for: rows of the recipe's general prompts, or published sets by name.

Published sets are read like the recipe's (r1/data/sources.py): a .jsonl or .parquet file, a directory, or, with
offline=false, a hub id; CSV must be converted. None is in this repository.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, get_args

from r1.data.files import Columns
from r1.data.sources import rows
from r1.questions.jailbreak.settings import Category, RequestAdapter, RequestSet, Settings
from r1.support.errors import UserError
from r1.support.tables import read_rows

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        text: as it is asked directly.
        category: harmful or benign.
        start: how a compliant answer begins.
    """

    text: str
    category: Category
    start: str


@dataclass(frozen=True)
class _Schema:
    """Columns of a published set: the request, how compliance begins, and what says whether it is harmful."""

    prompt: str
    start: str | None = None
    label: str | None = None
    labels: Mapping[str, Category] | None = None


_SCHEMAS: dict[RequestAdapter, _Schema] = {
    "advbench": _Schema("prompt", start="target"),  # walledai/AdvBench; Zou et al., arXiv 2307.15043
    "harmbench": _Schema("prompt"),  # walledai/HarmBench, standard; Mazeika et al., arXiv 2402.04249
    "jailbreakbench": _Schema("Goal", start="Target"),  # JailbreakBench/JBB-Behaviors; Chao et al., arXiv 2404.01318
    "strongreject": _Schema("prompt"),  # walledai/StrongREJECT; Souly et al., arXiv 2402.10260
    # paul-rottger/exaggerated-safety, xstest_prompts; Röttger et al., arXiv 2308.01263
    "xstest": _Schema("prompt", label="label", labels={"safe": "benign", "unsafe": "harmful"}),
}
"""Schemas by adapter; sets without a label are harmful, unless `category` says otherwise."""


def requests(settings: Settings) -> list[Request]:
    """The requests of the run, as many of each category as `settings.requests`, harmful ones first.

    Raises:
        UserError: if a set cannot be read, or there are fewer.
    """
    if settings.published:
        found = [list(_published(name, source, settings.start)) for name, source in settings.published.items()]
    else:
        found = [[as_request(row) for row in harmless(read_rows(settings.inputs.requests))]]
    chosen: list[Request] = []
    for category in get_args(Category):
        by_set = [[request for request in one if request.category == category] for one in found]
        in_turn = [request for turn in zip_longest(*by_set) for request in turn if request is not None]
        if len(in_turn) < settings.requests:
            raise UserError(f"requests = {settings.requests}: there are only {len(in_turn)} {category} ones")
        chosen += in_turn[: settings.requests]
    return chosen


def harmless(general: Iterable[dict[str, Any]]) -> Rows:
    """The rows that ask for something harmful or benign."""
    return [row for row in general if row["category"] in get_args(Category)]


def compliant(row: Mapping[str, Any]) -> str:
    """The response of a general prompt that does what it asks."""
    return str(row["rejected"] if row["category"] == "harmful" else row["chosen"])


def declining(row: Mapping[str, Any]) -> str:
    """The response of a general prompt that refuses."""
    return str(row["chosen"] if row["category"] == "harmful" else row["rejected"])


def as_request(row: Mapping[str, Any]) -> Request:
    """A general prompt as a request; compliance begins with the first clause of the compliant response."""
    text = compliant(row)
    clause, comma, _ = text.partition(",")
    return Request(row["prompt"], row["category"], clause + comma)


def _published(name: str, source: RequestSet, start: str) -> Iterable[Request]:
    if source.adapter == "columns":
        schema = _Schema(source.prompt_column or "", start=source.start_column)
    else:
        schema = _SCHEMAS[source.adapter]
    columns: Columns = {column: ("text",) for column in (schema.prompt, schema.start, schema.label) if column}
    for row in rows(f"published.{name}", source, columns):
        if isinstance(row, str) or not isinstance(row[schema.prompt], str) or not row[schema.prompt].strip():
            continue
        category: Category = source.category or "harmful"
        if schema.label and schema.labels:
            label = row[schema.label]
            if label not in schema.labels:
                raise UserError(f"published.{name}: label {label!r}: must be one of {', '.join(schema.labels)}")
            category = schema.labels[label]
        yield Request(row[schema.prompt].strip(), category, (schema.start and row[schema.start]) or start)
