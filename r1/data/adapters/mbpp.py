"""MBPP: a sentence that says what a function should do, and three assertions.

Instance: {"task_id": 2, "text": "Write a function to add two numbers.", "code": "def add(a, b):\\n    return a + b",
"test_list": ["assert add(1, 2) == 3", ...], "test_setup_code": "", "challenge_test_list": []}. Schema:
huggingface.co/datasets/google-research-datasets/mbpp, full/{train,validation,test,prompt}-00000-of-00001.parquet, 374,
90, 500 and 10 rows; Austin et al., arXiv 2108.07732.

The prompt shows the first assertion, since the sentence does not name the function. Austin et al. show all three, so a
model could hard-code the results; here the others stay hidden.
"""

import ast
import json
import textwrap
from dataclasses import asdict

from r1.data.adapters.adapter import Adapter, AdapterReason, Question
from r1.data.files import Row
from r1.sandbox.examine import CodeProblem


def _convert(row: Row) -> Question | AdapterReason:
    text, code, tests, setup = row["text"], row["code"], row["test_list"], row["test_setup_code"] or ""
    if not isinstance(text, str):
        return "missing_prompt"
    if not tests or not all(isinstance(part, str) for part in (code, setup, *tests)):
        return "missing_answer"
    name = _tested(code, tests)
    if name is None:
        return "no_single_function"
    body = textwrap.indent("\n".join(tests), "    ")
    check = f"{setup}\ndef check(candidate):\n{body}\n"  # tests call `name`; see r1/sandbox/inside.py
    return Question(f"{text.strip()}\nIt must pass: {tests[0]}", json.dumps(asdict(CodeProblem("", name, check))), code)


def _tested(code: str, tests: list[str]) -> str | None:
    """The one function of the code that the tests name."""
    try:
        defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
        named = {node.id for node in ast.walk(ast.parse("\n".join(tests))) if isinstance(node, ast.Name)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    tested = defined & named
    return tested.pop() if len(tested) == 1 else None


MBPP = Adapter(
    "code",
    {"text": ("text",), "code": ("text",), "test_list": ("lists of text",), "test_setup_code": ("text",)},
    _convert,
)
