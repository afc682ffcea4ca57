"""GSM8K: grade-school word problems whose solution ends in "#### 72".

Instance: {"question": "Ann has 3 pens and buys 4. How many has she?", "answer": "3 + 4 = <<3+4=7>>7 pens.\\n#### 7"}.
Schema: huggingface.co/datasets/openai/gsm8k, main/{train,test}-00000-of-00001.parquet, 7,473 and 1,319 rows; Cobbe et
al., arXiv 2110.14168.
"""

from r1.data.adapters.adapter import Adapter, AdapterReason, Question
from r1.data.files import Row


def _convert(row: Row) -> Question | AdapterReason:
    """Keep only the final answer, without thousands separators."""
    if not isinstance(row["answer"], str):
        return "missing_answer"
    _, mark, final = row["answer"].rpartition("####")
    return Question(row["question"], final.strip().replace(",", "")) if mark else "no_final_answer"


GSM8K = Adapter("math", {"question": ("text",), "answer": ("text",)}, _convert)
