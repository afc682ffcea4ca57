"""Language consistency of the chain of thought."""

from typing import Any

from r1.rewards.common import Completions, texts
from r1.rewards.response import language_shares, parse_response


def language_consistency_reward(*, completions: Completions, **_: Any) -> list[float | None]:
    """Share of the chain of thought's words in the prompts' language, English (paper section 2.3.2).

    A chain of thought without words earns 0.

    Rewarded with 1: "First 2 + 2 = 4." With 0: "先算 2 + 2 得 4。", and "4".
    """
    return [language_shares(_chain_of_thought(text)).get("en", 0.0) for text in texts(completions)]


def _chain_of_thought(text: str) -> str:
    """The reasoning; for a response without any, such as a general prompt's, the full text."""
    response = parse_response(text)
    return response.reasoning if response.well_formed or response.reasoning else text
