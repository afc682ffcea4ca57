"""Grade-school word problems in GSM8K's form, with a worked solution each.

Source: reasoning-gym `gsm_symbolic`, templates after GSM-Symbolic (arXiv 2410.05229). Instance: "John places bananas
on the basket. Each basket can hold 28 bananas. …" -> "20". What reasoning-gym adds to the question about the form of
the answer is left out: the prompt's template says it.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from r1.tasks.answers.kinds import Answer, Equation
from r1.tasks.answers.quantities import Quantity
from r1.tasks.answers.structure import read
from r1.tasks.arithmetic import entries
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
    """Equal as numbers; the answer may have its unit, its money sign and its thousands separators: "$1,000".

    reasoning-gym's own verifier does not read the minus sign: "-20" would pass for 20.
    """
    said, wanted = read(predicted), read(gold)
    return said is not None and wanted is not None and _value(said) is not None and _value(said) == _value(wanted)


def _value(answer: Answer) -> Fraction | None:
    """Of a number written as a decimal: "40/2" is to be worked out."""
    what = answer.what
    number = what.value.what if isinstance(what, Equation) and not what.of_number else what
    return number.value if isinstance(number, Quantity) and number.worked and number.unit != "percent" else None
