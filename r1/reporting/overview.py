"""What the run showed, in a sentence and four numbers: the head of the page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from r1.config.data import Level
from r1.evaluation.statistics import Estimate
from r1.reporting.tables import LEVELS

ByLevel = Mapping[str, Mapping[Level, Estimate]]
"""Model -> level -> estimate."""


@dataclass(frozen=True)
class Tile:
    """A number and what it is."""

    value: str
    label: str


@dataclass(frozen=True)
class Overview:
    """The head of the page."""

    lead: str
    tiles: list[Tile]


def overview(accuracy: ByLevel, tokens: ByLevel, claims: Iterable[Mapping[str, Any]]) -> Overview:
    """Sum up the run, on the base's first level: the trained one, if it was evaluated.

    Args:
        accuracy: pass@1.
        tokens: response length.
        claims: as in claims.json.
    """
    level = next(iter(accuracy["base"]))
    base, zero, r1 = (100 * accuracy[model][level]["mean"] for model in ("base", "zero", "r1"))
    verdicts = [claim["verdict"] for claim in claims]
    reproduced = f"{verdicts.count('reproduced')} of {len(verdicts)}"
    moved = "raised" if zero > base else "lowered" if zero < base else "left"
    return Overview(
        f"DeepSeek-R1's whole recipe, from pretraining to distillation, in one run. RL alone {moved} the base's pass@1 "
        f"from {base:.1f} % to {zero:.1f} %; R1 reaches {r1:.1f} %. {reproduced} of the paper's claims are reproduced.",
        [
            Tile(f"{base:.1f} → {zero:.1f} %", f"pass@1 ({LEVELS[level]}), base → R1-Zero"),
            Tile(f"{r1:.1f} %", f"pass@1 ({LEVELS[level]}), R1"),
            Tile(
                f"{tokens['base'][level]['mean']:.0f} → {tokens['zero'][level]['mean']:.0f}",
                "response tokens, base → R1-Zero",
            ),
            Tile(reproduced, "claims reproduced"),
        ],
    )
