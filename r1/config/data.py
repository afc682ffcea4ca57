"""Problems, data sets, general prompts and the miniature's corpus: what `prepare` makes."""

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
"""Prefix of a task that is one of reasoning-gym's families, such as reasoning_gym/countdown."""
_TASKS = ("chain_sum", "basic_arithmetic", "complex_arithmetic", "gsm_symbolic", "code")


def _check_task(task: str) -> str:
    if re.fullmatch(rf"{REASONING_GYM}\w+", task):
        return task
    if task.startswith(REASONING_GYM):
        raise ValueError(f"must be {REASONING_GYM} and the name of a family")
    return known(task, _TASKS)


class FamilyConfig(Section):
    """A task family at one level, and how many of its problems each split gets.

    Attributes:
        task: a built-in one, `reasoning_gym/<family>`, or the import path of your own.
        options: as reasoning-gym, r1/tasks/code.py or your own task takes them.
        documents: corpus documents; the other counts are problems.
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
    """Source of a data set's rows; names are those of datasets.load_dataset.

    Attributes:
        path: a .jsonl or .parquet file, a directory with the published files, or (with offline=false) a hub id. It is
            relative to the project's root, of which DVC watches data/external/; an absolute path may lead anywhere.
        data_files: files to read from a directory or the hub, as patterns such as main/train-*.parquet.
        revision: branch, tag or commit on the hub; null takes the newest, and the manifest records its commit.
        where: allowed values by column, to select rows; null takes all.
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
        """Why the path cannot exist; None if it may."""
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
        adapter: reads the published schema, see r1/data/adapters, or an import path; `columns` reads any two columns.
        task: whose verifier judges answers, for `columns` and import paths: a built-in task or an import path. An
            adapter of your own may set it itself.
        prompt_column, answer_column: for `columns`, the columns of the question and its answer.
        level: as for a family.
        splits: problems per split, or `all`. A data set that feeds one split may use any of its problems for it; one
            that feeds several divides them by identity, as families do.
    """

    adapter: Annotated[str, check_name(*ADAPTERS)] = "columns"
    task: Annotated[str, check_name("chain_sum", "basic_arithmetic", "complex_arithmetic", "math")] | None = None
    prompt_column: str | None = None
    answer_column: str | None = None
    level: Level
    splits: Mapping[PromptSplit, PositiveInt | Literal["all"]] = Field(min_length=1)

    @property
    def is_code(self) -> bool:
        """True if answers are code, to be run in a sandbox."""
        return self.adapter in get_args(CodeAdapterName)

    @model_validator(mode="after")
    def _columns_are_named(self) -> Self:
        for key in ("task", "prompt_column", "answer_column"):
            if key == "task" and is_plugin(self.adapter):
                continue
            if (getattr(self, key) is None) == (self.adapter == "columns"):
                raise ValueError(
                    f"{key}: is missing, which adapter=columns needs"
                    if self.adapter == "columns"
                    else f"{key}: adapter={self.adapter} knows it itself"
                )
        return self


class GeneralDataSetConfig(PublishedConfig):
    """General prompts with the response to imitate, or with a preferred and a rejected one.

    Attributes:
        adapter: `messages` are conversations of which the first exchange is taken; the others hold preferences.
        splits: as of DataSet; conversations feed sft alone.
    """

    adapter: GeneralAdapterName
    splits: Mapping[GeneralSplit, PositiveInt | Literal["all"]] = Field(min_length=1)

    @property
    def kind(self) -> PreferenceName:
        """The preference model that judges its prompts."""
        return "harmless" if self.adapter == "pku_saferlhf" else "helpful"

    @model_validator(mode="after")
    def _splits_have_what_they_need(self) -> Self:
        if self.adapter == "messages" and set(self.splits) != {"sft"}:
            raise ValueError("splits: conversations hold no preferences, and feed sft alone")
        return self


class StylesConfig(Section):
    """How often the authors of the corpus do what; r1/data/documents.py shows each style.

    Attributes:
        direct: share of documents that answer without working.
        chinese, mixed: of the worked documents, the share in that language; the rest is English.
        tagged: of the worked documents, the share in think/answer form.
        slip: probability of a wrong result, per step.
        careful: of the worked documents, the share whose author checks each step.
        confirm: probability that a careful author writes out the check of a right step.
        header: share of documents that open with R1-Zero's instruction.
    """

    direct: Probability
    chinese: Probability
    mixed: Probability
    tagged: Probability
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
    """General prompts per split; `documents` counts corpus documents."""

    documents: int = Field(ge=0)
    sft: int = Field(ge=0)
    preference: int = Field(ge=0)
    rl: int = Field(ge=0)
    evaluate: int = Field(ge=0)


class DecontaminationConfig(Section):
    """Data-set rows that share `ngram` consecutive words with an evaluation prompt are not trained on."""

    ngram: int = Field(ge=8, le=13)


class PrepareConfig(Section):
    """Everything `prepare` makes: problems by family and from data sets, corpus styles, general prompts."""

    families: dict[Name, FamilyConfig]
    data_sets: dict[Name, DataSetConfig]
    decontamination: DecontaminationConfig
    styles: StylesConfig
    general: GeneralConfig
    general_data_sets: dict[Name, GeneralDataSetConfig]

    @property
    def has_code(self) -> bool:
        """True if model-written code will be run."""
        return any(family.task == "code" for family in self.families.values()) or any(
            data_set.is_code for data_set in self.data_sets.values()
        )

    @model_validator(mode="after")
    def _names_stand_once(self) -> Self:
        for name in self.data_sets:
            if name in self.families:
                raise ValueError(f"data_sets.{name}: a family has this name, and rows would not say which made them")
        return self

    @model_validator(mode="after")
    def _splits_are_fed(self) -> Self:
        """Refuse a split without problems here; otherwise its stage would fail hours later."""
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
            if getattr(self.general, split) > 1:  # both kinds in turn
                continue
            kinds = {data_set.kind for data_set in self.general_data_sets.values() if split in data_set.splits}
            needed = {"helpful", "harmless"} if split in ("preference", "evaluate") else set()
            if not kinds and not getattr(self.general, split):
                raise ValueError(f"general.{split} = 0: and no general data set feeds this split")
            if missing := sorted(needed - kinds):
                raise ValueError(f"general.{split}: no {missing[0]} prompts, and a preference model judges each kind")
        return self
