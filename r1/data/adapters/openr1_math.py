"""OpenR1-Math-220k: NuminaMath 1.5's problems that DeepSeek-R1 solved; here its problems, not its traces.

Instance: {"problem": "Find $x$ if $x + 1 = 3$.", "answer": "2", "question_type": "math-word-problem", ...}. Schema:
huggingface.co/datasets/open-r1/OpenR1-Math-220k, data/train-*.parquet (93,733 rows) and all/*.parquet (225,129):
problem, solution, answer, problem_type, question_type, source, uuid, is_reasoning_complete, generations,
correctness_math_verify, correctness_llama, finish_reasons, correctness_count, messages.

Its `generations` are not used: they come from another model, while R1's recipe draws its own in cold start and
rejection sampling. Proofs have no answer, and a multiple-choice letter may be a guess.
"""

from r1.data.adapters.adapter import Adapter, AdapterReason, Question
from r1.data.files import Row

_DROPPED: dict[str, AdapterReason] = {"proof": "proof", "MCQ": "multiple_choice"}


def _convert(row: Row) -> Question | AdapterReason:
    return _DROPPED.get(str(row["question_type"])) or Question(row["problem"], row["answer"])


OPENR1_MATH = Adapter("math", {"problem": ("text",), "answer": ("text",), "question_type": ("text",)}, _convert)
