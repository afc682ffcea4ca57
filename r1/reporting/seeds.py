"""Report on the recipe with several seeds, as Markdown and as one self-contained HTML page."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import yaml

from r1.config.data import Level
from r1.config.evaluation import EvaluateConfig, ReportConfig
from r1.evaluation.claims import Tables, measure_claims
from r1.evaluation.seeds import CannotCombine, estimate_over_seeds, judge_over_seeds
from r1.evaluation.statistics import Estimate
from r1.recipe import MODELS
from r1.reporting.charts import Panel
from r1.reporting.figures import bands
from r1.reporting.measurements import read_flops, read_measurements
from r1.reporting.tables import LEVELS, Table, percent
from r1.reporting.templates import fill, show_effect

RUNS = Path("data/seeds/runs")
CLAIMS = Path("data/seeds/claims.json")
UNDECIDING = (
    "seed",
    "launcher",
    "offline",
    "sandbox",
    "tracking",
    "model",
    "profile",
    "report",
    "reference",
    "ablation",
)
"""Keys of params.yaml that change no result of a recipe with a given seed: no stage before the report reads them."""
PANELS = (
    Panel("reward", "reward"),
    Panel("completions/mean_length", "completion length (tokens)"),
    Panel("reflection_rate", "reflection (share of rollouts)"),
)
NOTE = (
    "Effects: mean over seeds, with {confidence:.0%} hierarchical bootstrap intervals: seeds are resampled, then "
    "problems within each. Few seeds make a crude outer bootstrap whose intervals are somewhat narrow: read each "
    "seed's own effect too. Spread: standard deviation between seeds. Differing: seeds whose own verdict, from one "
    "run's problems, is another than the verdict over seeds."
)


@dataclass(frozen=True)
class Seeds:
    """Results of the recipe with several seeds.

    Attributes:
        values: as in claims.json: `seeds`, `params` (hash of those that decide), `models` (pass@1 by model and level)
            and `claims`.
        curves: R1-Zero's learning curve by seed.
    """

    values: dict[str, Any]
    curves: list[pd.DataFrame]


def deciding(params: Mapping[str, Any]) -> str:
    """Hash of the parameters that decide a recipe's results, its seed aside."""
    decides = {key: value for key, value in params.items() if key not in UNDECIDING}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def read_seeds(folder: Path, report: ReportConfig, evaluate: EvaluateConfig) -> Seeds:
    """Read the runs of all seeds and judge the claims.

    Args:
        folder: a folder per seed, as `python -m r1 variant` writes it.
        report: margins of the claims.
        evaluate: resamples and confidence of the intervals.

    Raises:
        CannotCombine: if there are fewer than two seeds, or they ran with different parameters.
        BrokenArtifact: if a run lacks a result.
    """
    found = {int(path.name): path for path in folder.glob("[0-9]*")}
    runs = {seed: found[seed] for seed in sorted(found)}
    hashes = {seed: deciding(yaml.safe_load((path / "params.yaml").read_text())) for seed, path in runs.items()}
    if len(set(hashes.values())) > 1:
        raise CannotCombine(f"{folder}: the seeds {sorted(runs)} ran with different parameters; run all of them again")
    tables = {seed: read_measurements(path, evaluate) for seed, path in runs.items()}
    measured = {seed: measure_claims(tables[seed], read_flops(path), report) for seed, path in runs.items()}
    claims = judge_over_seeds(measured, evaluate)
    values = {
        "seeds": list(runs),
        "params": next(iter(hashes.values())),
        "models": _by_level(list(tables.values()), evaluate),
        "claims": claims,
    }
    return Seeds(values, [pd.read_csv(path / "plots/zero.csv") for path in runs.values()])


def _by_level(tables: list[Tables], evaluate: EvaluateConfig) -> dict[str, dict[str, Estimate]]:
    """pass@1 of every model over the problems of each level, over seeds."""
    levels = [level for level in get_args(Level) if all((one["base"]["level"] == level).any() for one in tables)]
    return {
        model: {
            level: estimate_over_seeds(
                [one[model].loc[one[model]["level"] == level, "pass_at_1"] for one in tables],
                evaluate.bootstrap_resamples,
                evaluate.confidence,
            )
            for level in levels
        }
        for model in MODELS
    }


def models_table(values: Mapping[str, Any]) -> Table:
    """pass@1 of every model by level, from claims.json."""
    models: dict[str, dict[Level, Estimate]] = values["models"]
    return Table(
        "The models at a glance",
        f"pass@1 (strict) over all families of a level, mean over {len(values['seeds'])} seeds.",
        ["model", *(f"{LEVELS[level]} %" for level in models["base"])],
        [[model, *(percent(one) for one in levels.values())] for model, levels in models.items()],
    )


def claims_table(values: Mapping[str, Any], confidence: float) -> Table:
    """Every claim over seeds and in each, from claims.json."""
    seeds = list(map(str, values["seeds"]))
    return Table(
        "Claims",
        NOTE.format(confidence=confidence),
        ["claim", "over seeds", "verdict", *(f"seed {seed}" for seed in seeds), "spread", "differing"],
        [
            [
                claim["claim"],
                show_effect(claim),
                claim["verdict"],
                *(f"{show_effect(claim | claim['seeds'][seed])}, {claim['seeds'][seed]['verdict']}" for seed in seeds),
                f"{claim['spread'] * (1 if claim['id'] == 'responses_grow' else 100):.1f}",
                f"{round(claim['differing'] * len(seeds))} of {len(seeds)}",
            ]
            for claim in values["claims"]
        ],
    )


def render_seeds(seeds: Seeds, evaluate: EvaluateConfig, directory: Path) -> None:
    """Write index.html and report.md."""
    values = seeds.values
    contents = {
        "seeds": values["seeds"],
        "tables": [models_table(values), claims_table(values, evaluate.confidence)],
        "reproduced": sum(claim["verdict"] == "reproduced" for claim in values["claims"]),
        "total": len(values["claims"]),
        "differing": round(sum(claim["differing"] for claim in values["claims"]) * len(values["seeds"])),
        "figure": bands({"R1-Zero": seeds.curves}, PANELS, x="step", smooth=5),
    }
    for template, target in (("seeds.html.j2", "index.html"), ("seeds.md.j2", "report.md")):
        (directory / target).write_text(fill(template, **contents))
