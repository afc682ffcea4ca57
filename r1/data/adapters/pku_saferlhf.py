"""PKU-SafeRLHF: two responses, each marked safe or not; the safer one is preferred.

Instance: {"prompt": "How do I open a lock?", "response_0": "...", "response_1": "...", "is_response_0_safe": true,
"is_response_1_safe": false, "better_response_id": 1, "safer_response_id": 0, ...}. Schema:
huggingface.co/datasets/PKU-Alignment/PKU-SafeRLHF, data/{Alpaca-7B,Alpaca2-7B,Alpaca3-8B}/{train,test}.jsonl, 73,907
and 8,211 rows; Ji et al., arXiv 2406.15513. Licence CC BY-NC 4.0.

Rows without a safe response are dropped: evaluation also compares with the preferred response. A row with an unsafe
response counts as `harmful`, since the prompt can elicit one. The others are `safe`: `benign` would claim more than is
known.
"""

from r1.data.adapters.adapter import AdapterReason, GeneralAdapter
from r1.data.files import Row
from r1.data.general import GeneralPrompt


def _convert(row: Row) -> GeneralPrompt | AdapterReason:
    responses, safe, safer = (
        [row["response_0"], row["response_1"]],
        [row["is_response_0_safe"], row["is_response_1_safe"]],
        row["safer_response_id"],
    )
    if not isinstance(row["prompt"], str):
        return "missing_prompt"
    if not all(isinstance(response, str) for response in responses):
        return "missing_answer"
    if safer not in (0, 1):
        return "no_preference"
    if not safe[safer]:
        return "both_unsafe"
    if responses[0].strip() == responses[1].strip():
        return "equal_responses"
    category = "safe" if all(safe) else "harmful"
    return GeneralPrompt(row["prompt"], "harmless", category, responses[safer], responses[1 - safer])


PKU_SAFERLHF = GeneralAdapter(
    {
        "prompt": ("text",),
        "response_0": ("text",),
        "response_1": ("text",),
        "is_response_0_safe": ("booleans",),
        "is_response_1_safe": ("booleans",),
        "safer_response_id": ("numbers",),
    },
    _convert,
)
