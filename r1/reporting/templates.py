"""Templates of reports, and how they show numbers: values are escaped for HTML or for Markdown tables."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from r1.evaluation.claims import Verdict
from r1.evaluation.statistics import Estimate
from r1.reporting.charts import whisker
from r1.reporting.inline import as_json
from r1.reporting.published_scores import BENCHMARKS, counterparts_on
from r1.reporting.tables import percent, signed

HEADLINE = {
    "pass_at_1": "pass@1 %",
    "lenient_pass_at_1": "lenient pass@1 %",
    "maj_at_k": "maj@k %",
    "lenient_maj_at_k": "lenient maj@k %",
    "response_tokens": "response tokens",
    "format_rate": "format %",
    "language_mixing": "language mixing %",
    "reflection_rate": "reflection %",
}
"""Columns of a family's table: metric -> title."""
LENIENT = (
    "pass@1 and maj@k are strict: they count answers in the form that RL rewards. The lenient ones count answers as "
    "evaluators of any model read them: a difference between the two is a matter of form."
)

_BREAK = re.compile(r"\s*[\n\r\v\f\u2028\u2029]\s*")
_MARKUP = re.compile(r"[\\|`]|[\[!](?=[^\]]*\]\()")
"""Characters that would end a table cell, or start code, a link or an image."""


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
    return environment.get_template(template).render(headline=HEADLINE, lenient=LENIENT, **values)


def _as_cell(value: Any) -> Any:
    """Escape text for a Markdown table cell, so that it adds no markup, cell or line."""
    return _MARKUP.sub(r"\\\g<0>", _BREAK.sub(" ", value)).replace("<", "&lt;") if isinstance(value, str) else value


def show_estimate(estimate: Estimate, metric: str) -> str:
    """Format a mean with its interval: shares in per cent, lengths in tokens."""
    if metric != "response_tokens":
        return percent(estimate)
    return f"{estimate['mean']:.1f} [{estimate['low']:.1f}, {estimate['high']:.1f}]"


def show_effect(claim: dict[str, Any]) -> str:
    """Format a claim's effect with its interval: percentage points, or tokens for lengths."""
    scale, unit = (1, " tokens") if _in_tokens(claim) else (100, " points")
    effect, low, high = (claim[key] * scale for key in ("effect", "low", "high"))
    return signed(effect, low, high, unit)


def draw_effect(claim: dict[str, Any], claims: Iterable[dict[str, Any]]) -> str:
    """Draw a claim's interval beside its bound, on an axis that all claims of its unit share."""
    alike = [one for one in claims if _in_tokens(one) == _in_tokens(claim)]
    reach = max(abs(one[end]) for one in alike for end in ("low", "high", "bound"))
    return whisker(claim["effect"], claim["low"], claim["high"], claim["bound"], reach or 1.0)


def _in_tokens(claim: dict[str, Any]) -> bool:
    return bool(claim["id"] == "responses_grow")


def tally(claims: Iterable[dict[str, Any]]) -> list[tuple[str, int]]:
    """Number of claims by verdict; verdicts without claims are left out."""
    counted = Counter(claim["verdict"] for claim in claims)
    return [(verdict, counted[verdict]) for verdict in get_args(Verdict) if counted[verdict]]


def show_problems(claim: dict[str, Any]) -> str:
    """Say what a claim rests on: how many problems (or seeds), of which level and families; older runs give n alone.

    >>> show_problems({"n": 530, "level": "train", "families": {"math_500": 500, "gsm8k": 30}})
    '530 problems, level train: math_500 500, gsm8k 30'
    """
    count = f"{claim['n']} {claim.get('over', 'problems')}"
    if "families" not in claim:
        return count
    families = ", ".join(f"{family} {problems}" for family, problems in claim["families"].items())
    return f"{count}, level {claim['level']}: {families}"


def reasoning_levels(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """List family and level of every table except the general prompts."""
    return [(family, level) for family, levels in summary.items() if family != "general" for level in levels]


FILTERS: dict[str, Callable[..., Any]] = {
    "estimate": show_estimate,
    "effect": show_effect,
    "whisker": draw_effect,
    "tally": tally,
    "json": as_json,
    "problems": show_problems,
    "levels": reasoning_levels,
    "counterparts": counterparts_on,
    "benchmark": BENCHMARKS.__getitem__,
}
