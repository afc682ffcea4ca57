r"""MATH: competition problems whose answer is in the last \boxed{} of the solution; and MATH-500, a test set of it.

Instance: {"problem": "What is $1 + \\frac{1}{2}$?", "level": "Level 1", "type": "Algebra", "solution": "It is
$\\boxed{\\frac{3}{2}}$."}. Schemas: huggingface.co/datasets/EleutherAI/hendrycks_math, a folder a subject with
{train,test}-00000-of-00001.parquet, 7,500 and 5,000 rows; Hendrycks et al., arXiv 2103.03874. HuggingFaceH4/MATH-500,
test.jsonl, 500 of them with a column `answer` and numbers for levels; Lightman et al., arXiv 2305.20050. The rest of
MATH is PRM800K's training set of 12,000.
"""

import re

from r1.data.adapters.adapter import Adapter, AdapterReason, Question
from r1.data.files import Row

_BOX = re.compile(r"\\f?boxed\s*(?P<brace>\{)?")


def last_boxed(solution: str) -> str | None:
    r"""Contents of the last \boxed{} or \fbox{}, None if there is none or its braces do not close.

    >>> last_boxed(r"So $\boxed{1}$, no: $\boxed{\frac{3}{2}}$."), last_boxed(r"$\boxed 7$"), last_boxed(r"\boxed{1")
    ('\\frac{3}{2}', '7', None)
    """
    found = list(_BOX.finditer(solution.replace("\\fbox", "\\boxed")))
    if not found:
        return None
    rest = solution.replace("\\fbox", "\\boxed")[found[-1].end() :]
    if not found[-1]["brace"]:
        return rest[:1] if rest[:1].isalnum() else None
    depth = 1
    for brace in re.finditer(r"(?<!\\)[{}]", rest):
        depth += 1 if brace[0] == "{" else -1
        if not depth:
            return rest[: brace.start()]
    return None


def _convert(row: Row) -> Question | AdapterReason:
    if not isinstance(row["solution"], str):
        return "missing_answer"
    answer = last_boxed(row["solution"])
    return "no_boxed_answer" if answer is None else Question(row["problem"], answer)


MATH = Adapter("math", {"problem": ("text",), "solution": ("text",)}, _convert)
MATH_500 = Adapter(
    "math", {"problem": ("text",), "answer": ("text",)}, lambda row: Question(row["problem"], row["answer"])
)
