"""Problems, data sets, general prompts and the miniature corpus: what `prepare` builds."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, Field, PositiveInt, field_validator, model_validator

from r1.config.base import Name, Probability, Section, leaves_project
from r1.config.plugins import check_name, is_plugin, known
from r1.recipe import PreferenceName

Level = Literal["train", "hard", "transfer"]
PromptSplit = Literal["cold_start", "rl", "rejection", "evaluate"]
GeneralSplit = Literal["sft", "preference", "rl", "evaluate"]
CodeAdapterName = Literal["humaneval", "mbpp"]
AdapterName = (
    Literal["columns", "gsm8k", "math", "math_500", "aime", "openr1_math", "dapo_math", "deepscaler"] | CodeAdapterName
)
ADAPTERS: tuple[str, ...] = (*get_args(get_args(AdapterName)[0]), *get_args(CodeAdapterName))
GeneralAdapterName = Literal["messages", "ultrafeedback", "pku_saferlhf"]
REASONING_GYM = "reasoning_gym/"
"""Prefix of a task that names a reasoning-gym family: reasoning_gym/countdown."""
_TASKS = ("chain_sum", "basic_arithmetic", "complex_arithmetic", "gsm_symbolic", "search", "code")


def _check_task(task: str) -> str:
    if re.fullmatch(rf"{REASONING_GYM}\w+", task):
        return task
    if task.startswith(REASONING_GYM):
        raise ValueError(f"must be {REASONING_GYM} and the name of a family")
    return known(task, _TASKS)


class FamilyConfig(Section):
    """A task family at one level, and how many of its problems each split gets.

    Attributes:
        task: a built-in task, `reasoning_gym/<family>`, or the import path of a plug-in.
        options: passed to the task: reasoning-gym's, those of r1/tasks/code.py, or the plug-in's.
        documents: number of corpus documents.
        cold_start, rl, rejection, evaluate: number of problems in each split.
    """

    task: Annotated[str, AfterValidator(_check_task)]
    level: Level
    options: dict[str, Any]
    documents: int = Field(ge=0)
    cold_start: int = Field(ge=0)
    rl: int = Field(ge=0)
    rejection: int = Field(ge=0)
    evaluate: int = Field(ge=0)

    @model_validator(mode="after")
    def _documents_are_written(self) -> Self:
        if self.documents and self.task.startswith(REASONING_GYM):
            raise ValueError(
                f"documents = {self.documents}: none are written for {self.task}; set 0, or choose {', '.join(_TASKS)}"
            )
        return self


class PublishedConfig(Section):
    """Where the rows of a data set come from; names follow datasets.load_dataset.

    Attributes:
        path: a .jsonl or .parquet file; a directory in the published layout; or, with offline=false, a hub id.
            Relative to the project root, where DVC tracks data/external/; an absolute path may point anywhere.
        data_files: files to read from a directory or hub data set, as patterns such as main/train-*.parquet.
        revision: branch, tag or commit of a hub data set; null takes the latest, and manifests record its commit.
        where: allowed values by column; other rows are skipped. null takes all rows.
    """

    path: str
    data_files: tuple[str, ...] | None = None
    revision: str | None = None
    where: Mapping[str, tuple[str | int, ...]] | None = None

    @property
    def is_file(self) -> bool:
        """True for a single local file."""
        return self.path.endswith((".jsonl", ".parquet"))

    @field_validator("path")
    @classmethod
    def _path_stays(cls, path: str) -> str:
        if leaves_project(path):
            raise ValueError("leads out of the project: put the file into data/external/, or give an absolute path")
        return path

    @field_validator("data_files")
    @classmethod
    def _files_are_readable(cls, patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for pattern in patterns or ():
            if not pattern.endswith((".jsonl", ".json", ".parquet")) or pattern[0] in "/~" or leaves_project(pattern):
                raise ValueError(f"{pattern!r}: must be .jsonl, .json or .parquet files below path")
        return patterns

    @model_validator(mode="after")
    def _files_are_named(self) -> Self:
        if not self.is_file and not self.data_files:
            raise ValueError(
                f"path = {self.path!r}: a data set is a .jsonl or a .parquet file; "
                "of a directory or a hub id, data_files says which files"
            )
        if self.is_file and self.data_files is not None:
            raise ValueError(f"data_files: path = {self.path!r} is a file already")
        return self

    def missing_because(self, offline: bool) -> str | None:
        """Why there cannot be a data set at the path, or None if there may be one."""
        local = Path(self.path).expanduser()
        if local.exists() and (self.is_file or local.is_dir()):
            return None
        if self.is_file:
            return "no such file"
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", self.path) or self.path[0] in "./~":
            return "no such directory, and no hub id"
        if offline:
            return "no such directory; with offline=false it may be a hub id, or put a copy of it into data/external/"
        return None


class DataSetConfig(PublishedConfig):
    """Problems with verifiable answers.

    Attributes:
        adapter: reads the published schema: a name from r1/data/adapters, or an import path; `columns` reads any two
            columns.
        task: whose verifier checks the answers, for `columns` and import paths: a built-in task (`math` is
            math-verify), or an import path. A plug-in adapter may set it itself.
        prompt_column, answer_column: columns of the question and its single answer, for `columns`.
        level: as in FamilyConfig.
        splits: number of problems by split, or `all` that belong to it. A data set that feeds one split may use all
            its problems there; one that feeds several divides them by identity, as families do.
    """

    adapter: Annotated[str, check_name(*ADAPTERS)] = "columns"
    task: Annotated[str, check_name("chain_sum", "basic_arithmetic", "complex_arithmetic", "math")] | None = None
    prompt_column: str | None = None
    answer_column: str | None = None
    level: Level
    splits: Mapping[PromptSplit, PositiveInt | Literal["all"]] = Field(min_length=1)

    @property
    def is_code(self) -> bool:
        """True if answers are code, which runs in a sandbox."""
        return self.adapter in get_args(CodeAdapterName)

    @model_validator(mode="after")
    def _columns_are_named(self) -> Self:
        for key in ("task", "prompt_column", "answer_column"):
            if key == "task" and is_plugin(self.adapter):
                continue
            if (getattr(self, key) is None) == (self.adapter == "columns"):
                raise ValueError(
                    f"{key}: is missing; adapter=columns needs it"
                    if self.adapter == "columns"
                    else f"{key}: adapter={self.adapter} already sets it"
                )
        return self


class GeneralDataSetConfig(PublishedConfig):
    """General prompts, each with a response to imitate or with a preferred and a rejected response.

    Attributes:
        adapter: `messages` takes the first exchange of each conversation; the others read preference pairs.
        splits: as in DataSetConfig; conversations can feed only sft.
    """

    adapter: GeneralAdapterName
    splits: Mapping[GeneralSplit, PositiveInt | Literal["all"]] = Field(min_length=1)

    @property
    def kind(self) -> PreferenceName:
        """The preference model that scores its prompts."""
        return "harmless" if self.adapter == "pku_saferlhf" else "helpful"

    @model_validator(mode="after")
    def _splits_have_what_they_need(self) -> Self:
        if self.adapter == "messages" and set(self.splits) != {"sft"}:
            raise ValueError("splits: conversations have no preferences, so they feed only sft")
        return self


class StylesConfig(Section):
    """Style frequencies in the corpus, as probabilities; r1/data/documents.py shows each style.

    Attributes:
        direct: share of documents that answer without steps.
        chinese, mixed: shares of those languages among documents with steps; the rest are in English.
        tagged: share of documents with steps that use the think/answer form.
        summary: share of those whose answer stands in a sentence, the form of the cold start.
        slip: probability of a wrong result, per step.
        careful: share of documents with steps whose author checks them.
        confirm: probability that a careful author explicitly checks a right step.
        header: share of documents that start with R1-Zero's instruction.
    """

    direct: Probability
    chinese: Probability
    mixed: Probability
    tagged: Probability
    summary: Probability
    slip: Probability
    careful: Probability
    confirm: Probability
    header: Probability

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.chinese + self.mixed > 1:
            raise ValueError(f"chinese {self.chinese} and mixed {self.mixed} add up to more than 1")
        return self


class GeneralConfig(Section):
    """Number of general prompts by split; documents counts corpus documents."""

    documents: int = Field(ge=0)
    sft: int = Field(ge=0)
    preference: int = Field(ge=0)
    rl: int = Field(ge=0)
    evaluate: int = Field(ge=0)


class DecontaminationConfig(Section):
    """Training skips data-set rows that share `ngram` consecutive words with an evaluation prompt."""

    ngram: int = Field(ge=8, le=13)


class PrepareConfig(Section):
    """Inputs of the recipe: problems by family and data set, corpus styles, generated and published general prompts."""

    families: dict[Name, FamilyConfig]
    data_sets: dict[Name, DataSetConfig]
    decontamination: DecontaminationConfig
    styles: StylesConfig
    general: GeneralConfig
    general_data_sets: dict[Name, GeneralDataSetConfig]

    @property
    def has_code(self) -> bool:
        """True if the recipe runs model-written code."""
        return any(family.task == "code" for family in self.families.values()) or any(
            data_set.is_code for data_set in self.data_sets.values()
        )

    @model_validator(mode="after")
    def _names_stand_once(self) -> Self:
        for key in ("families", "data_sets"):
            if "general" in getattr(self, key):
                raise ValueError(f"{key}.general: summaries by family have the general prompts under this name")
        for name in self.data_sets:
            if name in self.families:
                raise ValueError(f"data_sets.{name}: a family has this name, and rows would not say which made them")
        return self

    @model_validator(mode="after")
    def _splits_are_fed(self) -> Self:
        """Fail now: otherwise a stage without prompts would fail only when it starts."""
        for split in get_args(PromptSplit):
            families = any(getattr(family, split) for family in self.families.values())
            if not families and not any(split in data_set.splits for data_set in self.data_sets.values()):
                raise ValueError(f"no family and no data set has problems for the split {split!r}")
        for level in get_args(Level):
            families = any(family.evaluate for family in self.families.values() if family.level == level)
            if not families and not any(
                "evaluate" in data_set.splits for data_set in self.data_sets.values() if data_set.level == level
            ):
                raise ValueError(f"nothing is evaluated at the level {level!r}, which the report's claims need")
        for split in get_args(GeneralSplit):
            if getattr(self.general, split) > 1:  # two prompts or more cover both kinds
                continue
            kinds = {data_set.kind for data_set in self.general_data_sets.values() if split in data_set.splits}
            needed = {"helpful", "harmless"} if split in ("preference", "evaluate") else set()
            if not kinds and not getattr(self.general, split):
                raise ValueError(f"general.{split} = 0: and no general data set feeds this split")
            if missing := sorted(needed - kinds):
                raise ValueError(f"general.{split}: no {missing[0]} prompts, and a preference model judges each kind")
        return self
