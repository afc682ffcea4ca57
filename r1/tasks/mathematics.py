"""Real mathematics: answers in LaTeX or plain numbers, verified by math-verify through TRL's accuracy_reward.

Instance: gold "0.5", answered "\\frac{1}{2}" -> right. Its problems come from data sets, none are generated here.
"""

import re

NAME = "math"
# math-verify reads "5 = 4" as 4: a relation between numbers, or several in a row, is no single answer.
_CHAIN = re.compile(r"=.*=|\\approx|≈|^\s*[-+.\d\s]+=")


def verify(predicted: str, gold: str) -> bool:
    """Equal as mathematics."""
    from trl.rewards import accuracy_reward

    if _CHAIN.search(predicted):
        return False
    completion = [{"role": "assistant", "content": f"\\boxed{{{predicted}}}"}]
    return bool(accuracy_reward([completion], [f"\\boxed{{{gold}}}"])[0] == 1.0)


def well_written(gold: str) -> str:
    """A gold answer as math-verify reads it: it takes "\\frac12" for gold, but wants \\frac{1}{2} for an answer."""
    from math_verify import parse

    read = parse(f"\\boxed{{{gold}}}")
    return str(read[-1]) if read else gold
