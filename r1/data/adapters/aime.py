r"""AIME: problems whose answer is an integer from 0 to 999, which some write as "025" or "336^\circ".

Instance: {"problem": "Find the sum of all ...", "answer": "025"}. Schemas:
huggingface.co/datasets/HuggingFaceH4/aime_2024 (id, problem, solution, answer, url, year) and yentinglin/aime_2025,
both data/train-00000-of-00001.parquet, 30 rows; math-ai/aime25, test.jsonl, has these two columns too.
opencompass/AIME2025 calls the first one question: adapter `columns` reads it.
"""

import re

from r1.data.adapters.adapter import Adapter, AdapterReason, Question
from r1.data.files import Row

_ANSWER = re.compile(r"\s*\$?(\d{1,3})(?:\.0+)?(?:\^\{?\\circ\}?)?\$?\s*", re.ASCII)


def _convert(row: Row) -> Question | AdapterReason:
    found = _ANSWER.fullmatch(str(row["answer"]))
    return Question(row["problem"], str(int(found[1]))) if found else "not_an_aime_answer"


AIME = Adapter("math", {"problem": ("text",), "answer": ("text", "numbers")}, _convert)
