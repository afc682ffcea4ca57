"""Which stages use which plug-in: a change in a plug-in re-runs only those stages."""

from collections.abc import Iterator, Mapping
from typing import Protocol, get_args

from r1.config.data import PrepareConfig, PromptSplit
from r1.config.evaluation import EvaluateConfig
from r1.config.finetuning import ColdStartDataConfig, RejectionSamplingConfig
from r1.config.plugins import Plugin, is_plugin
from r1.config.rl import PassRateConfig, RlConfig, RlStageConfig
from r1.config.sampling import PluginEngineConfig
from r1.recipe import runs

_VERIFIES: dict[PromptSplit, tuple[str, ...]] = {
    "cold_start": ("cold_start_data",),
    "rl": (*runs("rl"), "ablation"),
    "rejection": ("rejection_sampling",),
    "evaluate": ("evaluate", "ablation"),
}
"""Stages that verify answers to each split's prompts."""
USERS = ("prepare", "cold_start_data", "rejection_sampling", *runs("rl"), "evaluate", "ablation")
"""Stages that may use plug-ins, each with a data/plugins/<stage>.json; a multi-model stage has one per model."""


class NamesPlugins(Protocol):
    """Configuration sections that can name a plug-in."""

    @property
    def prepare(self) -> PrepareConfig: ...
    @property
    def rl(self) -> RlConfig: ...
    @property
    def cold_start_data(self) -> ColdStartDataConfig: ...
    @property
    def rejection_sampling(self) -> RejectionSamplingConfig: ...
    @property
    def evaluate(self) -> EvaluateConfig: ...


def plugin_users(config: NamesPlugins) -> dict[str, list[Plugin]]:
    """Plug-ins by stage; a stage without any has an empty list.

    `prepare` uses adapters and tasks, whose problems it draws; each stage that verifies answers to those problems uses
    the task too. An engine belongs to its stage, a reward to the RL runs that give it a nonzero weight.
    """
    used: dict[str, list[Plugin]] = {stage: [] for stage in USERS}
    for stage, plugin in (*_tasks(config.prepare), *_rewards(config), *_engines(config)):
        if is_plugin(plugin.name) and plugin not in used[stage]:
            used[stage].append(plugin)
    return used


def _tasks(prepare: PrepareConfig) -> Iterator[tuple[str, Plugin]]:
    asked: list[tuple[Plugin, set[PromptSplit]]] = []
    for name, family in prepare.families.items():
        splits = {split for split in get_args(PromptSplit) if getattr(family, split)}
        asked.append((Plugin("task", family.task, f"prepare.families.{name}.task"), splits))
    for name, data_set in prepare.data_sets.items():
        yield "prepare", Plugin("adapter", data_set.adapter, f"prepare.data_sets.{name}.adapter")
        if data_set.task is not None:
            asked.append((Plugin("task", data_set.task, f"prepare.data_sets.{name}.task"), set(data_set.splits)))
    for plugin, splits in asked:
        yield "prepare", plugin
        for split, stages in _VERIFIES.items():
            for stage in stages if split in splits else ():
                yield stage, plugin


def _rewards(config: NamesPlugins) -> Iterator[tuple[str, Plugin]]:
    extra = config.rl.algorithm.extra_rewards
    for run in runs("rl"):
        stage: RlStageConfig = getattr(config, run)
        weighed: list[tuple[str, Mapping[str, float]]] = [
            (f"{run}.rewards", stage.rewards),
            ("rl.algorithm.extra_rewards", extra),
        ]
        for key, weights in weighed:
            for name, weight in weights.items():
                for user in (run, "ablation") if run == "zero" else (run,):
                    if weight:
                        yield user, Plugin("reward", name, key)


def _engines(config: NamesPlugins) -> Iterator[tuple[str, Plugin]]:
    engines = {
        "cold_start_data": config.cold_start_data.engine,
        "rejection_sampling": config.rejection_sampling.engine,
        "evaluate": config.evaluate.engine,
    }
    for stage, engine in engines.items():
        for user in (stage, "ablation") if stage == "evaluate" else (stage,):
            if isinstance(engine, PluginEngineConfig):
                yield user, Plugin("engine", engine.name, f"{stage}.engine.name")
    if isinstance(config.rl.difficulty, PassRateConfig):
        chosen = config.rl.difficulty.engine
        for user in runs("rl") if isinstance(chosen, PluginEngineConfig) else ():
            yield user, Plugin("engine", chosen.name, "rl.difficulty.engine.name")
