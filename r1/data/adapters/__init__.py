"""Published data sets, one small file each: what it looks like, and how a row of it becomes one of ours."""

from r1.config.data import AdapterName, DataSetConfig, GeneralAdapterName
from r1.data.adapters.adapter import Adapter, AdapterReason, GeneralAdapter, Question
from r1.data.adapters.aime import AIME
from r1.data.adapters.columns import columns
from r1.data.adapters.competition_math import MATH, MATH_500
from r1.data.adapters.dapo_math import DAPO_MATH
from r1.data.adapters.deepscaler import DEEPSCALER
from r1.data.adapters.gsm8k import GSM8K
from r1.data.adapters.humaneval import HUMANEVAL
from r1.data.adapters.mbpp import MBPP
from r1.data.adapters.messages import MESSAGES
from r1.data.adapters.openr1_math import OPENR1_MATH
from r1.data.adapters.pku_saferlhf import PKU_SAFERLHF
from r1.data.adapters.ultrafeedback import ULTRAFEEDBACK

_ADAPTERS: dict[AdapterName, Adapter] = {
    "gsm8k": GSM8K,
    "math": MATH,
    "math_500": MATH_500,
    "aime": AIME,
    "openr1_math": OPENR1_MATH,
    "dapo_math": DAPO_MATH,
    "deepscaler": DEEPSCALER,
    "humaneval": HUMANEVAL,
    "mbpp": MBPP,
}
GENERAL_ADAPTERS: dict[GeneralAdapterName, GeneralAdapter] = {
    "messages": MESSAGES,
    "ultrafeedback": ULTRAFEEDBACK,
    "pku_saferlhf": PKU_SAFERLHF,
}


def adapter_of(data_set: DataSetConfig) -> Adapter:
    """The adapter of a data set of problems."""
    if data_set.adapter != "columns":
        return _ADAPTERS[data_set.adapter]
    assert data_set.task and data_set.prompt_column and data_set.answer_column  # the configuration saw to it
    return columns(data_set.task, data_set.prompt_column, data_set.answer_column)


__all__ = ["GENERAL_ADAPTERS", "Adapter", "AdapterReason", "GeneralAdapter", "Question", "adapter_of"]
