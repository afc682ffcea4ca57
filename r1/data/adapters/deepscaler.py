"""DeepScaleR: AIME up to 2023, AMC, Omni-MATH and STILL, with a final answer each.

Instance: {"problem": "What is $2^3$?", "answer": "8", "solution": "..."}. Schema:
huggingface.co/datasets/agentica-org/DeepScaleR-Preview-Dataset, deepscaler.json, about 40,000 rows in one JSON array.
"""

from r1.data.adapters.adapter import Adapter, Question

DEEPSCALER = Adapter(
    "math",
    {"problem": ("text",), "answer": ("text", "numbers")},
    lambda row: Question(row["problem"], row["answer"]),
)
