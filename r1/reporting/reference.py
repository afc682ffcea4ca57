"""A published checkpoint's scores as measured here, beside those that were published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from r1.config.evaluation import ReferenceConfig
from r1.reporting.published_scores import BENCHMARKS, scores_of
from r1.reporting.templates import fill, show_estimate

COMPARISON = "comparison.md"


def compare(checkpoint: str, summary: Mapping[str, Any], config: ReferenceConfig) -> list[dict[str, str]]:
    """Table of measured and published pass@1: a row per published score, one without if none is known.

    Lenient pass@1 is what compares with published scores: the published evaluators read answers outside the form that
    RL rewards here.

    Args:
        checkpoint: hub id or path; its last part says which published scores are its own.
        summary: family -> level -> metric -> estimate.
        config: number of samples by family.
    """
    scores = scores_of(checkpoint)
    rows = []
    for family, levels in summary.items():
        for estimates in levels.values():
            lenient = estimates["lenient_pass_at_1"]
            measured = {
                "benchmark": BENCHMARKS.get(family, family),
                "problems": str(lenient["n"]),
                "samples": str(config.num_samples[family]),
                "lenient": show_estimate(lenient, "lenient_pass_at_1"),
                "strict": show_estimate(estimates["pass_at_1"], "pass_at_1"),
                "truncated": show_estimate(estimates["truncation"], "truncation"),
            }
            published = [
                {
                    "published": f"{score.percent:.1f}",
                    "inside": "yes" if lenient["low"] <= score.percent / 100 <= lenient["high"] else "no",
                    "sampling": score.sampling,
                    "source": score.source,
                }
                for score in scores
                if score.family == family
            ]
            unknown = {"published": "none known", "inside": "", "sampling": "", "source": ""}
            rows += [measured | one for one in published or [unknown]]
    return rows


def render_reference(
    checkpoint: str, summary: Mapping[str, Any], config: ReferenceConfig, confidence: float, directory: Path
) -> list[dict[str, str]]:
    """Write comparison.md into a directory; returns its rows."""
    rows = compare(checkpoint, summary, config)
    text = fill("reference.md.j2", checkpoint=checkpoint, rows=rows, config=config, confidence=confidence)
    (directory / COMPARISON).write_text(text)
    return rows
