"""UltraFeedback, binarized: two responses to an instruction, the better one by GPT-4's scores.

Instance: {"prompt": "Name a bird.", "chosen": [{"role": "user", ...}, {"role": "assistant", "content": "The wren."}],
"rejected": [..., {"role": "assistant", "content": "No."}], "score_chosen": 8.0, "score_rejected": 2.0, ...}. Schema:
huggingface.co/datasets/HuggingFaceH4/ultrafeedback_binarized, data/{train,test}_prefs-00000-of-00001.parquet, 61,135
and 2,000 rows; Cui et al., arXiv 2310.01377; Tunstall et al., arXiv 2310.16944.
"""

from r1.data.adapters.adapter import AdapterReason, GeneralAdapter
from r1.data.adapters.messages import first_exchange
from r1.data.files import Row
from r1.data.general import GeneralPrompt


def _convert(row: Row) -> GeneralPrompt | AdapterReason:
    chosen, rejected = first_exchange(row["chosen"]), first_exchange(row["rejected"])
    if isinstance(chosen, str) or isinstance(rejected, str):
        return chosen if isinstance(chosen, str) else rejected  # type: ignore[return-value]  # whichever is a reason
    if chosen[0] != rejected[0]:
        return "different_prompts"
    if chosen[1].strip() == rejected[1].strip():
        return "equal_responses"
    return GeneralPrompt(chosen[0], "helpful", "instruction", chosen[1], rejected[1])


ULTRAFEEDBACK = GeneralAdapter({"chosen": ("messages",), "rejected": ("messages",)}, _convert)
