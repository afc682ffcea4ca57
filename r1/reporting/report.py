"""The report: claims, models and curves, as a Markdown file and a self-contained HTML page."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from r1.evaluation.statistics import Estimate

PAPER_PASS_AT_1 = {
    "base": "15.6 % (DeepSeek-V3-Base)",
    "zero": "71.0 % (R1-Zero)",
    "r1": "79.8 % (R1)",
    "distill_qwen": "55.5 % (Distill-Qwen-7B)",
    "distill_llama": "50.4 % (Distill-Llama-8B)",
    "student_rl_qwen": "47.0 % (R1-Zero-Qwen-32B)",
}
"""AIME 2024 pass@1 of the paper's counterparts of our models; arXiv 2501.12948 v1, section 2.2.4 and tables 4 to 6."""

HEADLINE = ("pass_at_1", "maj_at_k", "response_tokens", "format_rate", "language_mixing", "reflection_rate")


_BREAK = re.compile(r"\s*[\n\r\v\f\u2028\u2029]\s*")
_MARKUP = re.compile(r"[\\|`]|[\[!](?=[^\]]*\]\()")
"""Characters that would end a table cell, or start code, a link or an image."""


@dataclass(frozen=True)
class Contents:
    """Contents of the report.

    Attributes:
        profile: the profile that ran.
        confidence: level of the intervals.
        claims: as in claims.json.
        summaries: model -> task -> level -> metric -> estimate.
        samples: a few completions, model -> rows.
        stages: stage -> metrics.
        figures: title -> SVG, generated here and therefore not escaped.
    """

    profile: str
    confidence: float
    claims: list[dict[str, Any]]
    summaries: dict[str, Any]
    samples: dict[str, list[dict[str, Any]]]
    stages: dict[str, dict[str, Any]]
    figures: dict[str, str]


def render(contents: Contents, directory: Path) -> None:
    """Write index.html and report.md; model-written text is escaped."""
    for template, target in (("report.html.j2", "index.html"), ("report.md.j2", "report.md")):
        (directory / target).write_text(fill(template, contents=contents))


def fill(template: str, **values: Any) -> str:
    """Render a template from this directory; values are escaped for its format, HTML or Markdown tables."""
    html = template.endswith(".html.j2")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=html,
        finalize=None if html else _as_cell,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment.get_template(template).render(paper=PAPER_PASS_AT_1, headline=HEADLINE, **values)


def _as_cell(value: Any) -> Any:
    """Escape text for a Markdown table cell, so that it adds no markup, cell or line."""
    return _MARKUP.sub(r"\\\g<0>", _BREAK.sub(" ", value)).replace("<", "&lt;") if isinstance(value, str) else value


def show_estimate(estimate: Estimate, metric: str) -> str:
    """Format a mean with its interval: shares in per cent, lengths in tokens."""
    scale, digits = (1, 1) if metric == "response_tokens" else (100, 1)
    mean, low, high = (estimate[key] * scale for key in ("mean", "low", "high"))
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def show_effect(claim: dict[str, Any]) -> str:
    """Format a claim's effect with its interval: percentage points, or tokens for lengths."""
    scale, unit = (1, " tokens") if claim["id"] == "responses_grow" else (100, " points")
    effect, low, high = (claim[key] * scale for key in ("effect", "low", "high"))
    return f"{effect:+.1f}{unit} [{low:+.1f}, {high:+.1f}]"


def reasoning_levels(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """List task and level of every table except the general prompts."""
    return [(task, level) for task, levels in summary.items() if task != "general" for level in levels]


FILTERS: dict[str, Callable[..., Any]] = {"estimate": show_estimate, "effect": show_effect, "levels": reasoning_levels}
