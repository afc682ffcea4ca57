"""Shares of right answers."""

import pandas as pd

from r1.questions.effects import Effect, share
from r1.questions.forensics.settings import ForensicsBounds

Points = dict[str, Effect]
"""Effects by name."""


def hits(right: pd.Series, seeds: int, bounds: ForensicsBounds) -> Effect:
    """Share of right answers, with its exact interval."""
    return share([bool(hit) for hit in right], seeds, bounds)
