"""Published data sets, one file each: the schema, and how a row becomes one of ours."""

from dataclasses import replace
from functools import partial

from r1.config.data import DataSetConfig, GeneralAdapterName
from r1.config.plugins import is_plugin
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
from r1.data.files import Row
from r1.plugins import PluginError, check_takes, make, naming

_ADAPTERS: dict[str, Adapter] = {
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
    """The adapter of a data set of problems.

    Raises:
        PluginError: if it is an import path without an adapter. Its `convert` raises it if the plug-in raises on a row,
            or returns anything but a question or a reason.
    """
    if is_plugin(data_set.adapter):
        return _for_task(data_set.adapter, data_set.task)
    if data_set.adapter != "columns":
        return _ADAPTERS[data_set.adapter]
    assert data_set.task and data_set.prompt_column and data_set.answer_column  # the configuration checks this
    return columns(data_set.task, data_set.prompt_column, data_set.answer_column)


def plugged_adapter(name: str) -> Adapter:
    """Load an adapter by import path, unchanged.

    Raises:
        PluginError: if the path leads to no adapter.
    """
    adapter = make(name)
    if not isinstance(adapter, Adapter):
        raise PluginError(f"{name}: is {type(adapter).__name__}, not an Adapter (r1.data.adapters)")
    check_takes(name, "convert(row)", adapter.convert, {})
    return adapter


def _for_task(name: str, task: str | None) -> Adapter:
    adapter = plugged_adapter(name)
    if task is None and is_plugin(adapter.task):
        raise PluginError(
            f"{name}: its answers are for {adapter.task}: name it as the data set's `task` too, so that stages which "
            "verify with it run again when it changes"
        )
    return replace(adapter, task=task or adapter.task, convert=partial(_convert, name, adapter))


def _convert(name: str, adapter: Adapter, row: Row) -> Question | AdapterReason:
    with naming(f"{name}.convert"):
        found = adapter.convert(row)
    if not isinstance(found, Question | str):
        raise PluginError(f"{name}.convert returned {type(found).__name__}, not a Question or a reason")
    return found


__all__ = [
    "GENERAL_ADAPTERS",
    "Adapter",
    "AdapterReason",
    "GeneralAdapter",
    "Question",
    "adapter_of",
    "plugged_adapter",
]
