"""Shares of right answers, and how the page shows them."""

import pandas as pd

from r1.questions.effects import Effect, share
from r1.questions.forensics.settings import ForensicsBounds

Points = dict[str, Effect]
"""Effects by name."""


def hits(right: pd.Series, seeds: int, bounds: ForensicsBounds) -> Effect:
    """Share of right answers, with its exact interval."""
    return share([bool(hit) for hit in right], seeds, bounds)


def percent(found: Effect) -> str:
    """A share and its interval, in per cent."""
    mean, low, high = (100 * found[key] for key in ("effect", "low", "high"))
    return f"{mean:.0f} [{low:.0f}, {high:.0f}]"
