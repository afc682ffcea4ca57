"""Grade-school word problems in GSM8K's form, with a worked solution each.

Source: reasoning-gym `gsm_symbolic`, templates after GSM-Symbolic (arXiv 2410.05229). Instance: "John places bananas
on the basket. Each basket can hold 28 bananas. …" -> "20". What reasoning-gym adds to the question about the form of
the answer is left out: the prompt's template says it.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from r1.tasks.arithmetic import entries, is_number
from r1.tasks.problem import Problem

NAME = "gsm_symbolic"
_FORM_OF_ANSWER = " Give the result as your final answer. Do not include units."


def generate(options: dict[str, Any], seed: int) -> Iterator[Problem]:
    """Yield problems without end; options are reasoning-gym's (`difficulty`)."""
    for entry in entries(NAME, options, seed):
        steps, _, _ = entry["metadata"]["answer_cot"].rpartition("####")
        yield Problem(
            NAME,
            entry["question"].removesuffix(_FORM_OF_ANSWER),
            entry["answer"],
            expressions=(),
            solution=_readable(steps),
        )


def _readable(steps: str) -> str:
    """GSM8K's calculator notes ("<<28*4=112>>") and empty lines are not for readers."""
    lines = re.sub(r"<<[^<>]*>>", "", steps).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip())


def verify(predicted: str, gold: str) -> bool:
    """Equal as plain numbers. reasoning-gym's own verifier does not read the minus sign: "-20" would pass for 20."""
    return is_number(predicted) and Decimal(predicted.strip()) == Decimal(gold)
