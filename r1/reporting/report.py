"""The report: claims, models, curves and answers, as a Markdown file and a self-contained HTML page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1.reporting.aha import Aha
from r1.reporting.inline import asset, policy
from r1.reporting.overview import Overview
from r1.reporting.tables import Table
from r1.reporting.templates import fill


@dataclass(frozen=True)
class Contents:
    """Contents of the report.

    Attributes:
        profile: the profile that ran.
        confidence: level of the intervals.
        overview: what the run showed, in a sentence and four numbers.
        picture: the recipe, as SVG that is generated here and therefore not escaped; so are all figures.
        aha: R1-Zero's length and reflection, with excerpts.
        traces: the trace browser's data, as `collect_traces` returns them.
        headline: every model on every level, the report's first table.
        claims: as in claims.json.
        thinking: tables of thinking budgets, forbidden words, tries and right steps.
        summaries: model -> family -> level -> metric -> estimate.
        samples: a few completions, model -> rows.
        stages: stage -> metrics.
        figures: title -> charts as HTML.
    """

    profile: str
    confidence: float
    overview: Overview
    picture: str
    aha: Aha
    traces: dict[str, Any]
    headline: Table
    claims: list[dict[str, Any]]
    thinking: list[Table]
    summaries: dict[str, Any]
    samples: dict[str, list[dict[str, Any]]]
    stages: dict[str, dict[str, Any]]
    figures: dict[str, str]


def render(contents: Contents, directory: Path) -> None:
    """Write index.html, which loads nothing, and report.md; model-written text is escaped."""
    style, script = asset("report.css"), asset("report.js")
    page = fill("report.html.j2", contents=contents, style=style, script=script, policy=policy(style, script))
    (directory / "index.html").write_text(page)
    (directory / "report.md").write_text(fill("report.md.j2", contents=contents))
