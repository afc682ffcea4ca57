"""HumanEval: a function's head and docstring to complete; tests define check(candidate).

Instance: {"task_id": "HumanEval/0", "prompt": "def add(a, b):\\n    # the sum\\n", "canonical_solution": "    return
a + b\\n", "test": "def check(candidate):\\n    assert candidate(1, 2) == 3\\n", "entry_point": "add"}. Schema:
huggingface.co/datasets/openai/openai_humaneval, openai_humaneval/test-00000-of-00001.parquet, 164 rows; Chen et al.,
arXiv 2107.03374. Its tests are run as bench/code_reward.py runs them: the prompt first, for its imports and helpers.
"""

import json
from dataclasses import asdict

from r1.data.adapters.adapter import Adapter, AdapterReason, Question
from r1.data.files import Row
from r1.sandbox.examine import CodeProblem

_COLUMNS = ("prompt", "canonical_solution", "test", "entry_point")


def _convert(row: Row) -> Question | AdapterReason:
    head, solution, tests, name = (row[column] for column in _COLUMNS)
    if not isinstance(head, str):
        return "missing_prompt"
    if not all(isinstance(value, str) for value in (solution, tests, name)):
        return "missing_answer"
    asked = f"Complete this Python function, and answer with the whole of it.\n\n{head.rstrip()}"
    return Question(asked, json.dumps(asdict(CodeProblem(head, name, tests))), head + solution)


HUMANEVAL = Adapter("code", {column: ("text",) for column in _COLUMNS}, _convert)
