"""Any two columns: a question and its answer, unchanged.

Instance: {"prompt": "What is 3 + 4?", "answer": "7"}. Also reads data sets in this form that have no adapter of
their own, such as opencompass/AIME2025 (question, answer) or open-r1/DAPO-Math-17k-Processed (prompt, solution).
"""

from r1.data.adapters.adapter import Adapter, Question


def columns(task: str, prompt: str, answer: str) -> Adapter:
    """An adapter for the columns of these names."""
    return Adapter(
        task, {prompt: ("text",), answer: ("text", "numbers")}, lambda row: Question(row[prompt], row[answer])
    )
