"""A question's page: what was asked, how, what came out and what it does not show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import pandas as pd

from r1.questions.arm import S
from r1.questions.effects import Effect
from r1.reporting.questions import ANSWER
from r1.reporting.tables import Table, signed
from r1.reporting.templates import fill
from r1.support.artifacts import read_json, read_manifest, write_json


@dataclass(frozen=True)
class Results(Generic[S]):
    """What all arms of a question wrote.

    Attributes:
        folder: data/questions/<question>.
        settings: the question's params.yaml.
    """

    folder: Path
    settings: S

    def table(self, name: str) -> pd.DataFrame:
        """A table of all arms, with the columns `arm` and `seed` first; arms in the order of params.yaml.

        Raises:
            BrokenArtifact: if an arm is missing.
        """
        tables = []
        for arm, seed in self._runs():
            folder = self.folder / "arms" / f"{arm}-{seed}"
            read_manifest(folder)
            table = pd.read_parquet(folder / f"{name}.parquet")
            table.insert(0, "arm", arm)
            table.insert(1, "seed", seed)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    def metrics(self) -> pd.DataFrame:
        """One row per arm and seed: arm, seed, seconds and the arm's own metrics."""
        return pd.DataFrame([read_json(self.folder / "metrics" / f"{arm}-{seed}.json") for arm, seed in self._runs()])

    def _runs(self) -> list[tuple[str, int]]:
        return [(arm, seed) for arm in self.settings.arms for seed in self.settings.seeds]

    @property
    def minutes(self) -> float:
        """Minutes on two cores, one process on each: half of the sum over arms and seeds."""
        return float(self.metrics()["seconds"].sum()) / 60 / 2


@dataclass(frozen=True)
class Page:
    """Contents of a page; text is Markdown without links.

    Attributes:
        title: the question.
        answer: one line, which README repeats.
        design: paragraphs: arms, measures, sizes.
        claims: of `r1.questions.effects.claim`; the controls are among them.
        figure: SVG; generated here and therefore not escaped.
        caption: of the figure.
        tables: further results.
        not_shown: what the result does not show, a line each.
    """

    title: str
    answer: str
    design: list[str]
    claims: list[dict[str, Any]]
    figure: str
    caption: str
    not_shown: list[str]
    tables: list[Table] = field(default_factory=list)

    def save(self, directory: Path, minutes: float) -> None:
        """Write index.html, report.md, figure.svg, claims.json and answer.json."""
        claims = [{**claim, "shown": show(claim)} for claim in self.claims]
        values: Mapping[str, Any] = {"page": self, "claims": claims, "minutes": minutes}
        (directory / "index.html").write_text(fill("question.html.j2", **values))
        (directory / "report.md").write_text(fill("question.md.j2", **values))
        (directory / "figure.svg").write_text(self.figure)
        write_json(directory / "claims.json", self.claims)
        write_json(directory / ANSWER, {"title": self.title, "answer": self.answer, "minutes": round(minutes)})


def percent(found: Effect) -> str:
    """A share and its interval, in per cent."""
    mean, low, high = (100 * found[key] for key in ("effect", "low", "high"))
    return f"{mean:.0f} [{low:.0f}, {high:.0f}]"


def show(claim: Mapping[str, Any]) -> dict[str, str]:
    """Format a claim's effect, bound and power; shares in percentage points.

    >>> show({"effect": 0.1, "low": 0.05, "high": 0.15, "bound": 0.02, "power": 0.05, "unit": "points"})["effect"]
    '+10.0 points [+5.0, +15.0]'
    """
    scale = 100 if claim["unit"] == "points" else 1
    effect, low, high, bound, power = (claim[key] * scale for key in ("effect", "low", "high", "bound", "power"))
    unit = claim["unit"]
    return {
        "effect": signed(effect, low, high, f" {unit}"),
        "bound": f"{bound:g} {unit}",
        "power": f"{power:.1f} {unit}",
    }
