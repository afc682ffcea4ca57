"""`python -m r1 readme`: write the tables and the figure of README and docs/ from the metrics and curves in git."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from r1.config.evaluation import ReportConfig
from r1.evaluation.claims import all_claims
from r1.recipe import MODELS
from r1.reporting.control import RATES, rates_table
from r1.reporting.questions import PAGES, answers, names, result
from r1.reporting.seeds import CLAIMS, claims_table, deciding, models_table
from r1.reporting.tables import headline
from r1.reporting.templates import HEADLINE, fill
from r1.support.artifacts import read_json
from r1.support.code import ROOT

HEADLINES = {
    "pure_rl_improves": "RL alone, without SFT, raises pass@1 (base → R1-Zero)",
    "pure_rl_improves_lenient": "The same with answers read leniently: skill rather than format",
    "responses_grow": "Responses grow longer under RL alone (base → R1-Zero)",
    "language_reward_mends_mixing": "Cold start and language reward reduce language mixing (R1-Zero − reasoning RL)",
    "distillation_beats_rl_qwen": "Distilling R1 into a small Qwen beats RL on it, at no more compute (pass@1)",
    "reflection_grows": "Reflection ('wait', 'check') becomes more frequent under RL alone",
    "reflection_is_used": "R1-Zero is less accurate if it cannot write words of reflection",
    "thinking_longer_pays": "R1-Zero is more accurate the longer it may think",
}
"""The README's rows: claim id -> short wording."""

FIGURE = Path("docs/images/zero.svg")
_CURVE = Path("data/plots/zero.csv")


@dataclass(frozen=True)
class Section:
    """A generated part of a document.

    Attributes:
        document: path of the document from the project root.
        name: the section is between `<!-- name -->` and `<!-- /name -->`.
        write: generates its text, given the project root.
    """

    document: str
    name: str
    write: Callable[[Path], str]

    def read(self, text: str) -> str:
        """Extract the section from the document's text."""
        start, end = self._marks
        return text.partition(start)[2].partition(end)[0].strip()

    def replace(self, text: str, section: str) -> str:
        """Replace the section in the document's text."""
        start, end = self._marks
        before, _, rest = text.partition(start)
        return f"{before}{start}\n{section.strip()}\n{end}{rest.partition(end)[2]}"

    @property
    def _marks(self) -> tuple[str, str]:
        return f"<!-- {self.name} -->", f"<!-- /{self.name} -->"


def write_documents(root: Path) -> None:
    """Write every section and the README's figure below a project root.

    Raises:
        BrokenArtifact: if a metric is missing.
    """
    for section in SECTIONS:
        document = root / section.document
        document.write_text(section.replace(document.read_text(), section.write(root)))
    (root / FIGURE).write_text(draw_curve(root))


def curve_source(root: Path) -> str:
    """The figure's first line: the path and hash of its data."""
    digest = hashlib.sha256((root / _CURVE).read_bytes()).hexdigest()
    return f"<!-- Drawn by `make readme` from {_CURVE}, sha256 {digest} -->"


def draw_curve(root: Path) -> str:
    """Draw R1-Zero's learning curves as SVG: accuracy, length and language mixing by step."""
    import matplotlib
    import pandas as pd

    from r1.reporting.charts import Panel
    from r1.reporting.figures import curves

    panels = (
        Panel("rewards/accuracy_reward/mean", "accuracy reward"),
        Panel("completions/mean_length", "completion length (tokens)"),
        Panel("language_mixing", "language mixing (share of rollouts)"),
    )
    log = pd.read_csv(root / _CURVE)
    # Text stays text, half the size of paths: any page that shows the figure has fonts.
    with matplotlib.rc_context({"svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans", "sans-serif"]}):
        return f"{curve_source(root)}\n{curves({'R1-Zero': log}, panels, smooth=5)}"


def headline_results(root: Path) -> str:
    """Render the README's results, over seeds if there are; a claim that the run does not have says so.

    Raises:
        BrokenArtifact: if a metric is missing.
    """
    seeds = over_seeds(root)
    judged = seeds["claims"] if seeds else read_json(root / "data" / "metrics" / "claims.json")
    claims = {claim["id"]: claim for claim in judged}
    return fill(
        "readme.md.j2",
        seeds=seeds["seeds"] if seeds else [],
        confidence=_params(root)["evaluate"]["confidence"],
        total=len(claims),
        reproduced=sum(claim["verdict"] == "reproduced" for claim in claims.values()),
        rows=[claims.get(name, {}) | {"claim": text} for name, text in HEADLINES.items()],
    )


def over_seeds(root: Path) -> dict[str, Any] | None:
    """The results over seeds, data/seeds/claims.json, if they are there and of the parameters of params.yaml."""
    if not (root / CLAIMS).is_file():
        return None
    values: dict[str, Any] = read_json(root / CLAIMS)
    return values if values["params"] == deciding(_params(root)) else None


def seeds_results(root: Path) -> str:
    """Render the models and every claim over seeds, or that there are none of these parameters."""
    values = over_seeds(root)
    tables = [models_table(values), claims_table(values, _params(root)["evaluate"]["confidence"])] if values else []
    return fill("seeds_results.md.j2", tables=tables)


def control_results(root: Path) -> str:
    """Render the control's learning rates, or that they have not been compared."""
    found = (root / RATES).is_file()
    return fill("control.md.j2", tables=[rates_table(read_json(root / RATES))] if found else [])


def all_results(root: Path) -> str:
    """Render every claim and every model of the committed run.

    Raises:
        BrokenArtifact: if a metric is missing.
    """
    metrics, params = root / "data" / "metrics", _params(root)
    evaluate, claims = params["evaluate"], read_json(metrics / "claims.json")
    summaries = {model: read_json(metrics / "evaluate" / f"{model}.json") for model in MODELS}
    measured = summaries["base"]["chain_sum"]["train"]
    return fill(
        "results.md.j2",
        k=evaluate["sampling"]["num_samples"],
        temperature=evaluate["sampling"]["temperature"],
        confidence=evaluate["confidence"],
        claims=claims,
        missing=_missing(claims, params, params),
        headline_table=headline(summaries),
        columns=[metric for metric in HEADLINE if metric in measured and metric != "reflection_rate"],
        summaries=summaries,
        rejection=read_json(metrics / "rejection_sampling.json"),
        throughput=read_json(metrics / "throughput" / "rejection_sampling.json"),
        stages={path.stem: read_json(path) for path in sorted(metrics.glob("*.json"))},
    )


def smollm2_results(root: Path) -> str:
    """Render every claim and every model of the SmolLM2 run, from experiments/smollm2.

    Raises:
        BrokenArtifact: if a metric is missing.
    """
    run = root / "experiments" / "smollm2"
    params, claims = _params(run), read_json(run / "metrics" / "claims.json")
    return fill(
        "smollm2.md.j2",
        sampling=params["evaluate"]["sampling"],
        confidence=params["evaluate"]["confidence"],
        problems={name: family["evaluate"] for name, family in params["prepare"]["families"].items()},
        summaries={model: read_json(run / "metrics" / "evaluate" / f"{model}.json") for model in MODELS},
        claims=claims,
        missing=_missing(claims, params, _params(root)),
        rejection=read_json(run / "metrics" / "rejection_sampling.json"),
        run=read_json(run / "run.json"),
    )


def _missing(claims: list[dict[str, Any]], params: dict[str, Any], today: dict[str, Any]) -> list[str]:
    """Claims of today that the run, which may be older, does not have; with its margins, or today's if it has none."""
    settings = ReportConfig.model_validate({**today["report"], **params["report"]})
    known = {claim["id"] for claim in claims}
    return [claim.claim for claim in all_claims(settings, dict.fromkeys(MODELS, 0.0)) if claim.id not in known]


def _params(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((folder / "params.yaml").read_text())
    return values


SECTIONS = (
    Section("README.md", "results", headline_results),
    Section("docs/results.md", "results", all_results),
    Section("docs/results.md", "seeds", seeds_results),
    Section("docs/results.md", "control", control_results),
    Section("docs/smollm2.md", "smollm2", smollm2_results),
    Section("docs/questions.md", "answers", answers),
    *(Section(f"{PAGES}/{name}.md", "result", partial(result, name=name)) for name in names(ROOT)),
)
"""All generated sections."""
