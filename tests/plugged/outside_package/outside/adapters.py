"""Rows such as {"number": 12}, of which each asks for twice the number."""

from r1.data.adapters import Adapter, AdapterReason, Question
from r1.data.files import Row

from .numbers import double


def _convert(row: Row) -> Question | AdapterReason:
    if row["number"] is None:
        return "missing_prompt"
    return Question(f"Please double {int(row['number'])}.", double(int(row["number"])))


DOUBLES = Adapter("outside.tasks.Doubling", {"number": ("numbers",)}, _convert)
