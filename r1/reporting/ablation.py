"""Report on the comparison of RL algorithms, as Markdown and as one self-contained HTML page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from r1.config.evaluation import AblationConfig, EvaluateConfig
from r1.evaluation.ablation import (
    ALPHA,
    REFERENCE,
    Runs,
    comparable,
    differences_from_reference,
    estimate_metric,
    judge_comparison,
)
from r1.evaluation.equivalence import Difference
from r1.reporting.charts import Panel
from r1.reporting.figures import bands
from r1.reporting.tables import signed
from r1.reporting.templates import fill, show_estimate
from r1.support.artifacts import read_json

PANELS = (
    Panel("reward", "reward"),
    Panel("rewards/accuracy_reward/mean", "accuracy reward"),
    Panel("completions/mean_length", "completion length (tokens)"),
    Panel("entropy", "entropy (nats per token)"),
    Panel("kl", "KL to the reference policy"),
    Panel("frac_reward_zero_std", "groups without variance (share)"),
)
HEADER = (
    "algorithm", "pass@1 %", "lowest and highest seed %", f"over {REFERENCE}, points", "response tokens",
    "language mixing %", "optimizer steps", "rollouts", "prompts",
)  # fmt: skip
PHASES = ("generate", "score", "train")
TIME_HEADER = ("algorithm", *(f"{phase} s/step" for phase in PHASES), "s/step", f"times {REFERENCE}'s")
NOTE = (
    "pass@1, tokens, mixing and gains over the base: {confidence:.0%} bootstrap intervals over problems, averaged over "
    "seeds; they exclude the variance between seeds. Differences: {seeds:.0%} t-intervals over seeds, assuming equal "
    "variance for all algorithms; if all lie within the margin, the algorithms are equivalent at the "
    "{alpha:.0%} level. Selecting prompts by pass rate takes further rollouts, which the budget does not count. All "
    "algorithms ran with the same learning rate; some may do better with other settings."
)


@dataclass(frozen=True)
class Comparison:
    """Results of the comparison.

    Attributes:
        runs: per-problem tables by variant and seed.
        base: the base's per-problem table.
        curves: learning curves by variant, one per seed.
        metrics: the runs' metrics by variant, one per seed.
        claims: claims with their verdicts.
    """

    runs: Runs
    base: pd.DataFrame
    curves: dict[str, list[pd.DataFrame]]
    metrics: dict[str, list[dict[str, Any]]]
    claims: list[dict[str, Any]]


def run_folders(root: Path) -> list[Path]:
    """The artifact of every run; DVC's .gitignore, which lies beside them, is none."""
    return sorted(path for path in (root / "data/ablation/runs").glob("*/*") if path.is_dir())


def read_comparison(root: Path, config: AblationConfig, evaluate: EvaluateConfig) -> Comparison:
    """Read all runs and judge the claims.

    Raises:
        CannotCompare: if the runs are not enough for a comparison.
    """
    folder = root / "data/ablation"
    base = pd.read_parquet(root / "data/evaluations/base/problems.parquet")
    base = base.query("level == 'train'").reset_index(drop=True)
    problems: dict[str, dict[int, pd.DataFrame]] = {}
    for path in run_folders(root):
        problems.setdefault(path.parent.name, {})[int(path.name)] = pd.read_parquet(path / "problems.parquet")
    runs = comparable(problems, base)
    cells = {name: [f"{name}-{seed}" for seed in tables] for name, tables in runs.items()}
    return Comparison(
        runs,
        base,
        curves={name: [pd.read_csv(folder / f"curves/{cell}.csv") for cell in of] for name, of in cells.items()},
        metrics={name: [read_json(folder / f"metrics/{cell}.json") for cell in of] for name, of in cells.items()},
        claims=judge_comparison(runs, base, config, evaluate),
    )


def render_ablation(comparison: Comparison, config: AblationConfig, evaluate: EvaluateConfig, directory: Path) -> None:
    """Write index.html and report.md.

    Args:
        comparison: results to show.
        config: gives the number of mini-batches per generation round.
        evaluate: resamples and confidence of the intervals.
        directory: directory to write into.
    """
    runs, base, metrics = comparison.runs, comparison.base, comparison.metrics
    apart = differences_from_reference(runs)
    pass_at_1, *behaviour = _estimates({0: base}, evaluate)
    rows = [["base", pass_at_1, "", "", *behaviour, "", "", ""]]
    for name, tables in runs.items():
        passed = [100 * table["pass_at_1"].mean() for table in tables.values()]
        pass_at_1, *behaviour = _estimates(tables, evaluate)
        used = sum(run["prompts"]["chosen"] for run in metrics[name]) / len(metrics[name])
        rows.append(
            [
                name,
                pass_at_1,
                f"{min(passed):.1f} to {max(passed):.1f}",
                _show_difference(apart[name]) if name in apart else "",
                *behaviour,
                _mean(metrics[name], "steps"),
                _mean(metrics[name], "rollouts"),
                f"{used:.0f}",
            ]
        )
    figure = bands(comparison.curves, PANELS, x="rollouts", smooth=3)
    values = {
        "claims": comparison.claims,
        "header": HEADER,
        "rows": rows,
        "time_header": TIME_HEADER,
        "time_rows": _times(metrics),
        "note": NOTE.format(confidence=evaluate.confidence, seeds=1 - 2 * ALPHA, alpha=ALPHA),
        "figure": figure,
        "rollouts": _mean(metrics[REFERENCE], "rollouts"),
        "seeds": len(runs[REFERENCE]),
        "problems": len(base),
        "mini_batches": config.num_mini_batches,
    }
    for template, target in (("ablation.html.j2", "index.html"), ("ablation.md.j2", "report.md")):
        (directory / target).write_text(fill(template, **values))


def _show_difference(apart: Difference) -> str:
    return signed(100 * apart["difference"], 100 * apart["low"], 100 * apart["high"])


def _estimates(tables: dict[int, pd.DataFrame], settings: EvaluateConfig) -> list[str]:
    return [
        show_estimate(estimate_metric(tables, metric, settings), metric)
        for metric in ("pass_at_1", "response_tokens", "language_mixing")
    ]


def _mean(metrics: list[dict[str, Any]], key: str) -> str:
    return f"{sum(run[key] for run in metrics) / len(metrics):.0f}"


def _times(metrics: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    """Seconds per optimizer step by phase, averaged over seeds."""
    spent = {
        name: [sum(run["phases"][phase]["seconds_per_step"] for run in runs) / len(runs) for phase in PHASES]
        for name, runs in metrics.items()
    }
    reference = sum(spent[REFERENCE])
    return [
        [name, *(f"{value:.2f}" for value in phases), f"{sum(phases):.2f}", f"{sum(phases) / reference:.2f}"]
        for name, phases in spent.items()
    ]
