"""What a model writes, in numbers that need no weights of its base."""

import pandas as pd

from r1.models.policy import Policy
from r1.questions.forensics.likelihood import completions, score
from r1.rewards.response import language_shares, parse_response
from r1.support.tables import as_rows


def style(samples: pd.DataFrame) -> dict[str, float]:
    """`names.STYLE` of a model's samples; the share of English is of the completions that have words."""
    shares = [found for text in samples["completion"] if (found := language_shares(text))]
    return {
        "tokens": float(samples["tokens"].mean()),
        "format": float(samples["completion"].map(lambda text: parse_response(text).well_formed).mean()),
        "english": sum(one["en"] for one in shares) / len(shares) if shares else 0.0,
        "worked": len(shares) / len(samples),
        "reflects": float((samples["reflections"] > 0).mean()),
        "right": float(samples["correct"].mean()),
    }


def behaviour(policy: Policy, samples: pd.DataFrame) -> dict[str, float]:
    """`names.STYLE` and `names.ENTROPY` of a model's own samples."""
    read = score(policy, completions(policy, as_rows(samples)))
    tokens = sum(len(one.logp) for one in read)
    return style(samples) | {"entropy": float(sum(one.entropy.sum() for one in read) / tokens)}
