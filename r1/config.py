"""The typed schema of the configuration, and the way from the command line into a stage.

Light on purpose: it imports neither torch nor transformers, so a wrong value
fails in well under two seconds, before any model loads. Values live in conf/;
params.yaml is their composition, which DVC tracks and every stage reads.
"""

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
RuleRewardName = Literal[
    "accuracy_reward",
    "code_reward",
    "format_reward",
    "tag_count_reward",
    "reasoning_steps_reward",
    "len_reward",
    "cosine_scaled_reward",
    "repetition_penalty_reward",
    "soft_overlong_punishment",
    "language_consistency_reward",
]
RewardName = RuleRewardName | Literal["preference_reward"]
BaseName = Literal["base", "base_qwen", "base_llama"]
ModelName = Literal[
    "base",
    "base_qwen",
    "base_llama",
    "zero",
    "cold_start",
    "reasoning_rl",
    "sft",
    "r1",
    "distill_qwen",
    "distill_llama",
    "student_rl_qwen",
    "student_rl_llama",
]
RL_STAGES = ("zero", "reasoning_rl", "final_rl", "student_rl_qwen", "student_rl_llama")
"""Stages that train on the RL prompts."""
TemplateName = Literal["chat", "r1_zero", "r1_zero_short"]
AttentionName = Literal["sdpa", "eager", "flash_attention_2"]
SandboxPolicy = Literal["bubblewrap", "none"]
Level = Literal["train", "hard", "transfer"]
PromptSplit = Literal["cold_start", "rl", "rejection", "evaluate"]
GeneralSplit = Literal["sft", "preference", "rl", "evaluate"]
CodeAdapterName = Literal["humaneval", "mbpp"]
AdapterName = (
    Literal["columns", "gsm8k", "math", "math_500", "aime", "openr1_math", "dapo_math", "deepscaler"] | CodeAdapterName
)
GeneralAdapterName = Literal["messages", "ultrafeedback", "pku_saferlhf"]


def _leaves_project(path: str) -> bool:
    """True for a relative path that climbs out; an absolute one is meant."""
    return os.path.normpath(path).split(os.sep)[0] == os.pardir


def on_this_machine(address: str) -> bool:
    """True if the host of a URL, or of host:port, is the loopback."""
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Section(BaseModel):
    """Base of every part: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        for key in values if isinstance(values, dict) else ():
            if key not in cls.model_fields:
                close = get_close_matches(str(key), cls.model_fields, n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise ValueError(f"unknown key {key!r}{hint}; allowed: {', '.join(cls.model_fields)}")
        return values


# --- launching --------------------------------------------------------------


Parallelism = Literal["ddp", "fsdp2", "zero3"]
"""How the processes of a training share the work; one alone is as ddp."""


class Local(Section):
    """One process, on this machine."""

    name: Literal["local"]
    command: Literal["python"]
    sampling_command: Literal["python"]

    @property
    def parallelism(self) -> Parallelism:
        return "ddp"

    @property
    def total_processes(self) -> int:
        return 1


class Accelerate(Section):
    """Several processes on this machine, one to a GPU; without one they share the CPU (ddp alone).

    Attributes:
        processes: how many.
        command, sampling_command: what stands before the script of a stage that trains, of one that samples.
    """

    name: Parallelism
    processes: PositiveInt
    command: str
    sampling_command: Literal["python"]

    @property
    def parallelism(self) -> Parallelism:
        return self.name

    @property
    def total_processes(self) -> int:
        return self.processes

    @model_validator(mode="after")
    def _command_agrees(self) -> Self:
        _has_words(self.command, f"conf/accelerate/{self.name}.yaml", f"--num_processes {self.processes}")
        return self


class Slurm(Section):
    """A Slurm job for each stage that trains or samples: training on all GPUs of some nodes, sampling on those of one.

    Partition, time and account are sbatch's own variables, SBATCH_PARTITION, SBATCH_TIMELIMIT and SBATCH_ACCOUNT: in
    the command a longer time limit would make every finished stage count as changed.

    Attributes:
        parallelism: how the processes of a training share the work, as the launchers of these names.
        nodes, gpus_per_node: a process to each GPU.
        command, sampling_command: what stands before the script of a stage that trains, of one that samples.
    """

    name: Literal["slurm"]
    parallelism: Parallelism
    nodes: PositiveInt
    gpus_per_node: PositiveInt
    command: str
    sampling_command: str

    @property
    def total_processes(self) -> int:
        return self.nodes * self.gpus_per_node

    @model_validator(mode="after")
    def _command_agrees(self) -> Self:
        sizes = f"--nodes={self.nodes}", f"--gpus-per-node={self.gpus_per_node}"
        _has_words(self.command, "sbatch --wait", *sizes, f"conf/accelerate/{self.parallelism}.yaml")
        _has_words(self.sampling_command, "sbatch --wait", "--nodes=1", sizes[1])
        return self


Launcher = Annotated[Local | Accelerate | Slurm, Field(discriminator="name")]


def _has_words(command: str, *words: str) -> None:
    for word in words:
        if f" {word} " not in f" {command} ":
            raise ValueError(f"command: {command!r} has no {word!r}, which the other keys say; it is made from them")


def share_of_batch(batch_size: int, micro_batch_size: int, processes: int) -> tuple[int, int]:
    """How a process takes its share of an optimizer step's batch.

    Args:
        batch_size: rows of an optimizer step, over all processes.
        micro_batch_size: rows that a process takes through the model at once, at most.
        processes: how many there are.

    Returns:
        Rows at once, and how often (gradient accumulation).

    Raises:
        ValueError: if the batch cannot be shared out evenly.
    """
    share, rest = divmod(batch_size, processes)
    at_once = min(micro_batch_size, share)
    if rest or share % at_once:
        raise ValueError(
            f"batch_size {batch_size} must be a multiple of {processes} processes, and the share of each "
            f"a multiple of micro_batch_size {micro_batch_size} or below it"
        )
    return at_once, share // at_once


# --- models -----------------------------------------------------------------


class DenseArchitecture(Section):
    """A dense decoder, `qwen3` or `llama`, in transformers' names.

    Not qwen2: AutoTokenizer reads any tokenizer beside a qwen2 model as Qwen2's
    own, and so would silently split our text otherwise than in training.
    """

    model_type: Literal["qwen3", "llama"]
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    num_key_value_heads: PositiveInt
    head_dim: PositiveInt
    max_position_embeddings: PositiveInt
    tie_word_embeddings: bool

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} must be a multiple of "
                f"num_key_value_heads {self.num_key_value_heads}"
            )
        return self


class DeepseekV3Architecture(Section):
    """R1's own: multi-head latent attention and a mixture of experts, in transformers' names.

    vLLM's CPU kernel wants kv_lora_rank + qk_rope_head_dim = 576 (measured).
    """

    model_type: Literal["deepseek_v3"]
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    moe_intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    first_k_dense_replace: int = Field(ge=0)
    num_attention_heads: PositiveInt
    num_key_value_heads: PositiveInt
    q_lora_rank: PositiveInt
    kv_lora_rank: PositiveInt
    qk_nope_head_dim: PositiveInt
    qk_rope_head_dim: PositiveInt
    v_head_dim: PositiveInt
    n_routed_experts: PositiveInt
    n_shared_experts: PositiveInt
    num_experts_per_tok: PositiveInt
    n_group: PositiveInt
    topk_group: PositiveInt
    topk_method: Literal["noaux_tc"]
    scoring_func: Literal["sigmoid"]
    routed_scaling_factor: PositiveFloat
    max_position_embeddings: PositiveInt
    tie_word_embeddings: bool

    @model_validator(mode="after")
    def _experts_suffice(self) -> Self:
        if self.num_experts_per_tok > self.n_routed_experts:
            raise ValueError(
                f"num_experts_per_tok {self.num_experts_per_tok} exceeds n_routed_experts {self.n_routed_experts}"
            )
        return self


Architecture = Annotated[DenseArchitecture | DeepseekV3Architecture, Field(discriminator="model_type")]


class Optimization(Section):
    """AdamW with warm-up, then cosine decay to `min_learning_rate_ratio` of the peak.

    checkpoint_steps: a killed run goes on from its last checkpoint, one every so many steps.
    """

    learning_rate: PositiveFloat
    min_learning_rate_ratio: Probability
    warmup_ratio: Probability
    weight_decay: NonNegativeFloat
    batch_size: PositiveInt
    micro_batch_size: PositiveInt
    max_length: PositiveInt
    checkpoint_steps: PositiveInt

    @model_validator(mode="after")
    def _micro_divides(self) -> Self:
        if self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of micro_batch_size {self.micro_batch_size}"
            )
        return self


class Pretraining(Optimization):
    """Pretraining of a miniature base from scratch on the corpus."""

    vocab_size: int = Field(ge=300)
    max_steps: PositiveInt


class Base(Section):
    """A base model: pretrained here (architecture + pretraining), or a checkpoint that exists.

    Attributes:
        checkpoint: hub id, local directory, or a .gguf file; outside the project only as an absolute path or with `~`.
        chat_template: what the model is prompted with; null keeps a checkpoint's own.
        worked_examples: shown before every question in the checkpoint's own template, since a small model that never
            saw R1-Zero's form cannot be told it; a fine-tuning stage with `chat_template: own` drops them.
    """

    checkpoint: str | None
    architecture: Architecture | None
    pretraining: Pretraining | None
    chat_template: TemplateName | None
    worked_examples: int = Field(ge=0, le=2)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.checkpoint is None and (self.architecture is None or self.pretraining is None):
            raise ValueError("needs a checkpoint, or architecture and pretraining to make one from scratch")
        if self.checkpoint is None and self.chat_template is None:
            raise ValueError("chat_template: a base from scratch needs one, null keeps a checkpoint's own")
        if self.worked_examples and self.chat_template is not None:
            raise ValueError(
                f"worked_examples {self.worked_examples}: open a checkpoint's own template alone; "
                f"chat_template {self.chat_template} tells the form itself"
            )
        return self


# --- sampling ---------------------------------------------------------------


class TransformersEngine(Section):
    """transformers' generate in this process."""

    name: Literal["transformers"]
    batch_size: PositiveInt


class VllmEngine(Section):
    """vLLM in this process."""

    name: Literal["vllm"]
    dtype: Literal["float32", "bfloat16", "float16", "auto"]
    enforce_eager: bool
    cpu_kvcache_gib: PositiveInt
    gpu_memory_utilization: Share
    tensor_parallel_size: PositiveInt


class RayEngine(VllmEngine):
    """Replicas of the vLLM engine as actors of Ray Data, on this machine or a cluster; a replica stays on one node.

    Attributes:
        address: of a running cluster, `auto` for the one that this machine belongs to; null starts Ray here for as
            long as the stage runs. The model directory and this project must be reachable on every node.
        replicas: engines that sample side by side, with tensor_parallel_size GPUs each.
        piece_size: completions that a replica draws, and the journal keeps, at once: many fill an engine, few share
            the work out evenly at the end.
    """

    name: Literal["ray"]  # type: ignore[assignment]
    address: str | None
    replicas: PositiveInt
    piece_size: PositiveInt


class OpenaiEngine(Section):
    """Any endpoint that speaks OpenAI's chat completions: a `vllm serve` of one's own, or a teacher's API.

    It samples from the model that it serves; the model directory of the stage is not loaded.

    Attributes:
        base_url: up to and with the version, such as http://127.0.0.1:8000/v1; a key has no place in it.
        model: its name there; null takes the only one that the endpoint lists.
        api_key_env: NAME of the environment variable that holds the key, never the key; null for none.
        seeded: sends a seed with each request. Off for an endpoint that cannot: vLLM on CPU fails at one.
        max_concurrency: requests under way at once.
        timeout: seconds that the endpoint may be silent, which without streaming is the time of a completion.
        retries: of a request, after 429, 5xx or a lost connection, with growing pauses.
    """

    name: Literal["openai"]
    base_url: str
    model: str | None
    api_key_env: str | None
    seeded: bool
    max_concurrency: PositiveInt
    timeout: PositiveFloat
    retries: int = Field(ge=0)

    @model_validator(mode="after")
    def _no_secret_is_written(self) -> Self:
        """A check of the whole section, since one of a field would quote its value, which may be a key."""
        if self.api_key_env is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", self.api_key_env):
            raise ValueError("api_key_env: must be the NAME of an environment variable, such as TEACHER_API_KEY")
        try:
            url = urlsplit(self.base_url)
            sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("base_url: must look like http://127.0.0.1:8000/v1")
        if "@" in url.netloc or url.query or url.fragment:
            raise ValueError("base_url: holds a user, a query or a fragment; a key goes by api_key_env")
        return self


Engine = Annotated[TransformersEngine | VllmEngine | RayEngine | OpenaiEngine, Field(discriminator="name")]


class TransformersRollout(Section):
    """RL rollouts by transformers' generate, in the trainer."""

    name: Literal["transformers"]


class VllmServerRollout(Section):
    """RL rollouts by a vLLM server on GPUs of its own, to which the trainer sends its weights by NCCL.

    Attributes:
        base_url: of the server, without a path; it serves the policy that the stage starts from.
        group_port: where trainer and server meet for the weights.
        timeout: seconds to wait for a server that still starts.
    """

    name: Literal["vllm_server"]
    base_url: Annotated[str, Field(pattern=r"^https?://[\w.\-\[\]:]+$")]
    group_port: Annotated[int, Field(ge=1, le=65535)]
    timeout: NonNegativeFloat


Rollout = Annotated[TransformersRollout | VllmEngine | VllmServerRollout, Field(discriminator="name")]


class Sampling(Section):
    """How completions are drawn."""

    temperature: NonNegativeFloat
    top_p: Share
    max_new_tokens: PositiveInt
    num_samples: PositiveInt


# --- training ---------------------------------------------------------------


class Lora(Section):
    """Low-rank adapters (arXiv 2106.09685) instead of all weights; peft's names.

    Attributes:
        r: rank of each adapter.
        alpha: adapters are scaled by alpha / r.
        dropout: of an adapter's input.
        target_modules: names of the linear layers that get one, or all but the head.
    """

    r: PositiveInt
    alpha: PositiveFloat
    dropout: float = Field(ge=0, lt=1)
    target_modules: Literal["all-linear"] | Annotated[tuple[Name, ...], Field(min_length=1)]


class TrainingOptions(Section):
    """How every training computes.

    Attributes:
        mixed_precision: bf16 computes in bfloat16 on float32 weights and moments; none computes in float32.
        gradient_checkpointing: activations are computed anew in the backward pass but for each layer's input.
        attention: the kernel; flash_attention_2 needs the package flash-attn and an NVIDIA GPU.
        liger: Liger's kernels for norms, rotations and feed-forward layers.
        lora: adapters, merged into the weights before an artifact is written. Pretraining always trains all weights.
    """

    mixed_precision: Literal["none", "bf16"]
    gradient_checkpointing: bool
    attention: AttentionName
    liger: bool
    lora: Lora | None

    @model_validator(mode="after")
    def _flash_attention_is_half_precise(self) -> Self:
        if self.attention == "flash_attention_2" and self.mixed_precision == "none":
            raise ValueError("attention 'flash_attention_2' computes in bfloat16: set mixed_precision to bf16")
        return self


# --- stages -----------------------------------------------------------------


class Family(Section):
    """A task family at one level, and how many of its problems go where.

    options are reasoning-gym's, or those of r1/tasks/code.py; documents counts corpus documents, the others problems.
    """

    task: Literal["chain_sum", "basic_arithmetic", "complex_arithmetic", "gsm_symbolic", "code"]
    level: Level
    options: dict[str, Any]
    documents: int = Field(ge=0)
    cold_start: int = Field(ge=0)
    rl: int = Field(ge=0)
    rejection: int = Field(ge=0)
    evaluate: int = Field(ge=0)


class Published(Section):
    """Where a data set's rows come from, in the names of datasets.load_dataset.

    Attributes:
        path: a .jsonl or .parquet file; a directory that holds what is published; or, with offline=false, a hub id.
            From the project's root, where data/external/ is what DVC watches; an absolute path may lead anywhere.
        data_files: of a directory or hub data set the files to read, as patterns such as main/train-*.parquet.
        revision: of a hub data set, a branch, tag or commit; null takes the newest, whose commit manifests name.
        where: rows to take, by the values that a column may have; null takes all.
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
        if _leaves_project(path):
            raise ValueError("leads out of the project: put the file into data/external/, or give an absolute path")
        return path

    @field_validator("data_files")
    @classmethod
    def _files_are_readable(cls, patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for pattern in patterns or ():
            if not pattern.endswith((".jsonl", ".json", ".parquet")) or pattern[0] in "/~" or _leaves_project(pattern):
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
        """Why there can be nothing at the path, None if there may be."""
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


class DataSet(Published):
    """Problems with answers that a verifier judges.

    Attributes:
        adapter: what publishes this schema, see r1/prompts/adapters; `columns` takes any two columns.
        task: of `columns`, whose verifier judges answers; `math` is math-verify.
        prompt_column, answer_column: of `columns`, where the question and its one answer stand.
        level: as a family's.
        splits: how many problems go where, or `all` of a split's. A data set that feeds a single split feeds it
            with any of its problems; one that feeds several shares them out by identity, as families do.
    """

    adapter: AdapterName = "columns"
    task: Literal["chain_sum", "basic_arithmetic", "complex_arithmetic", "math"] | None = None
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
            if (getattr(self, key) is None) == (self.adapter == "columns"):
                raise ValueError(
                    f"{key}: is missing, which adapter=columns needs"
                    if self.adapter == "columns"
                    else f"{key}: adapter={self.adapter} knows it itself"
                )
        return self


class GeneralDataSet(Published):
    """General prompts with the response to imitate, or with a preferred and a rejected one.

    Attributes:
        adapter: `messages` are conversations of which the first exchange is taken; the others hold preferences.
        splits: as of DataSet; conversations feed sft alone.
    """

    adapter: GeneralAdapterName
    splits: Mapping[GeneralSplit, PositiveInt | Literal["all"]] = Field(min_length=1)

    @property
    def kind(self) -> Literal["helpful", "harmless"]:
        """Which preference judges its prompts."""
        return "harmless" if self.adapter == "pku_saferlhf" else "helpful"

    @model_validator(mode="after")
    def _splits_have_what_they_need(self) -> Self:
        if self.adapter == "messages" and set(self.splits) != {"sft"}:
            raise ValueError("splits: conversations hold no preferences, and feed sft alone")
        return self


class Styles(Section):
    """How often the corpus' authors do what; r1/corpus/documents.py shows each style.

    Attributes:
        direct: documents that answer without any step.
        chinese, mixed: of those with steps, the language; the rest is English.
        tagged: of those with steps, in think/answer form.
        slip: per step, a wrong result.
        careful: of those with steps, authors that check themselves.
        confirm: per right step of a careful author, an explicit check.
        header: documents under R1-Zero's instruction.
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


class General(Section):
    """How many general prompts go where; documents counts corpus documents."""

    documents: int = Field(ge=0)
    sft: int = Field(ge=0)
    preference: int = Field(ge=0)
    rl: int = Field(ge=0)
    evaluate: int = Field(ge=0)


class Decontamination(Section):
    """Rows of data sets that share so many words in a row with an evaluation prompt are not trained on."""

    ngram: int = Field(ge=8, le=13)


class Prepare(Section):
    """The world: problems by family and from data sets, the corpus' styles, general prompts of its own and others'."""

    families: dict[Name, Family]
    data_sets: dict[Name, DataSet]
    decontamination: Decontamination
    styles: Styles
    general: General
    general_data_sets: dict[Name, GeneralDataSet]

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
        """A stage that finds no prompts would say so only when its turn comes."""
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


class PolicyOptimization(Section):
    """What every RL algorithm has; names are TRL's where it has one.

    Attributes:
        beta: weight of the KL to the reference policy; 0 needs no reference.
        epsilon, epsilon_high: the ratio to the sampling policy is clipped to [1 - epsilon, 1 + epsilon_high].
        ref_model_sync_steps: optimizer steps after which the policy replaces the reference.
        mini_batches: optimizer steps per generation round; 1 is strictly on-policy.
        num_iterations: passes over a round's rollouts (inner epochs).
        extra_rewards: added to every stage's own rewards, such as Kimi's `len_reward`.
    """

    beta: NonNegativeFloat
    epsilon: PositiveFloat
    epsilon_high: PositiveFloat
    ref_model_sync_steps: PositiveInt
    mini_batches: PositiveInt
    num_iterations: PositiveInt
    extra_rewards: Mapping[RuleRewardName, float]


class GroupRelative(PolicyOptimization):
    """GRPO and its kin: the advantage is a reward relative to its group's.

    Attributes:
        loss_type: how token losses are averaged: per completion (grpo), over a constant (dr_grpo), over
            all tokens of the batch (dapo).
        scale_rewards: what the centred reward is divided by: the group's deviation, the batch's, nothing.
        importance_sampling_level: one ratio a token, or one a sequence (gspo).
        max_resampling_rounds: rounds in which groups without variance are replaced by fresh prompts' (dapo);
            0 keeps them.
    """

    name: Literal["grpo", "dr_grpo", "dapo", "gspo"]
    loss_type: Literal["grpo", "dr_grpo", "dapo"]
    scale_rewards: Literal["group", "batch", "none"]
    importance_sampling_level: Literal["token", "sequence"]
    max_resampling_rounds: int = Field(ge=0)


class LeaveOneOut(PolicyOptimization):
    """RLOO: the baseline is the mean reward of the group's other completions."""

    name: Literal["rloo"]
    normalize_advantages: bool


class ReinforcePlusPlus(PolicyOptimization):
    """REINFORCE++: returns with the KL in the reward, whitened over the batch; no critic, no groups."""

    name: Literal["reinforce_pp"]
    gamma: Share


class Ppo(PolicyOptimization):
    """PPO with a critic on a backbone of its own.

    Attributes:
        gamma, lam: discount and lambda of GAE.
        value_clip: a value may move this far from what it was at sampling before its loss is cut.
        critic_learning_rate: its peak; the critic warms up with the policy's schedule.
        critic_warmup_steps: first optimizer steps, in which only the critic learns.
    """

    name: Literal["ppo"]
    gamma: Share
    lam: Share
    value_clip: PositiveFloat
    critic_learning_rate: PositiveFloat
    critic_warmup_steps: int = Field(ge=0)


Algorithm = Annotated[
    GroupRelative | LeaveOneOut | ReinforcePlusPlus | Ppo,
    Field(discriminator="name"),
]


ALGORITHMS: tuple[str, ...] = tuple(
    name
    for kind in (GroupRelative, LeaveOneOut, ReinforcePlusPlus, Ppo)
    for name in get_args(kind.model_fields["name"].annotation)
)
"""Names that rl/algorithm may have."""


class AllPrompts(Section):
    """RL trains on every prompt, in random order."""

    name: Literal["all"]


class ByPassRate(Section):
    """RL trains on the prompts that its starting policy sometimes solves, measured before training.

    Attributes:
        num_samples: completions per prompt that the pass rate is measured on.
        min_pass_rate, max_pass_rate: bounds of what is kept, inclusive.
        name: a curriculum takes prompts from the easiest to the hardest, filtered ones come at random.
    """

    name: Literal["filtered", "curriculum"]
    engine: Engine
    num_samples: PositiveInt
    min_pass_rate: Probability
    max_pass_rate: Probability

    @model_validator(mode="after")
    def _bounds_ordered(self) -> Self:
        if self.min_pass_rate > self.max_pass_rate:
            raise ValueError(f"min_pass_rate {self.min_pass_rate} exceeds max_pass_rate {self.max_pass_rate}")
        return self


Difficulty = Annotated[AllPrompts | ByPassRate, Field(discriminator="name")]


class RewardOptions(Section):
    """Parameters of the rewards that have some."""

    repetition_ngram_size: PositiveInt
    repetition_max_penalty: float = Field(le=0)
    overlong_cache: Share
    reasoning_steps_target: PositiveInt


class Rl(Section):
    """What every RL stage shares.

    Attributes:
        max_kl, min_entropy: nats per token; a KL above, an entropy below, stop the run with a diagnosis.
        patience: steps in a row that stop it, of these or without reward variance in any group.
        checkpoint_steps: a killed run goes on from its last checkpoint, one every so many steps.
    """

    algorithm: Algorithm
    difficulty: Difficulty
    rollout: Rollout
    reward_options: RewardOptions
    max_kl: PositiveFloat
    min_entropy: NonNegativeFloat
    patience: PositiveInt
    checkpoint_steps: PositiveInt


class RlStage(Section):
    """One RL run; batch_size counts rollouts per optimizer step, num_generations the group; constant learning rate.

    max_steps * batch_size is also its budget of rollouts, which dynamic sampling spends in fewer steps.
    """

    max_steps: PositiveInt
    learning_rate: PositiveFloat
    warmup_steps: int = Field(ge=0)
    batch_size: PositiveInt
    micro_batch_size: PositiveInt
    num_generations: int = Field(ge=2)
    max_completion_length: PositiveInt
    temperature: PositiveFloat
    rewards: Mapping[RuleRewardName, float]

    @model_validator(mode="after")
    def _batch_fits(self) -> Self:
        if self.batch_size % self.num_generations:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of num_generations {self.num_generations} "
                "(whole groups per step)"
            )
        if self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of micro_batch_size {self.micro_batch_size}"
            )
        if not any(self.rewards.values()):
            raise ValueError("rewards: at least one reward needs a weight other than 0")
        return self


def check_rl_launch(rl: Rl, stage: RlStage, parallelism: str, processes: int) -> None:
    """Refuse what RL in several processes cannot do.

    Raises:
        ValueError: that names the key.
    """
    algorithm = rl.algorithm
    if parallelism in ("fsdp2", "zero3"):
        if isinstance(algorithm, Ppo):
            raise ValueError(f"rl.algorithm = 'ppo': its critic is not shared out by {parallelism}; launcher=ddp can")
        if rl.rollout.name == "transformers" and parallelism == "fsdp2":
            raise ValueError("rl.rollout = 'transformers': cannot generate from the parts that fsdp2 makes; vllm can")
    if isinstance(rl.rollout, VllmEngine) and processes % rl.rollout.tensor_parallel_size:
        raise ValueError(
            f"rl.rollout.tensor_parallel_size = {rl.rollout.tensor_parallel_size}: must divide the launcher's "
            f"processes, which are {processes}"
        )
    if processes > 1 and rl.difficulty.name != "all":
        raise ValueError(f"rl.difficulty = {rl.difficulty.name!r}: measures pass rates, in one process alone")
    resampling = isinstance(algorithm, GroupRelative) and algorithm.max_resampling_rounds
    if resampling and stage.batch_size // processes * algorithm.mini_batches % stage.num_generations:
        raise ValueError(
            f"rl.algorithm.max_resampling_rounds: needs whole groups in each of {processes} processes, and the share "
            f"of batch_size {stage.batch_size} is no multiple of num_generations {stage.num_generations}"
        )


class FinalRl(RlStage):
    """RL over all scenarios: general prompts come in for the last share of the steps, at this share of the prompts."""

    rewards: Mapping[RewardName, float]  # type: ignore[assignment]  # preference models exist only here
    general_last: Probability
    general_share: Probability


class Finetuning(Optimization):
    """Some epochs over a data set."""

    epochs: PositiveInt


class RewardModels(Finetuning):
    """Preference models; base: which base's backbone they get, a smaller one where two of the teacher's do not fit."""

    base: BaseName


class SftStage(Finetuning):
    """Supervised fine-tuning on prompt-completion pairs, loss on the completion alone.

    chat_template: what the model is prompted with from here on; null keeps the base's, own keeps it but for the worked
        examples that open it.
    """

    chat_template: TemplateName | Literal["own"] | None


class ColdStartData(Section):
    """Sampling and filtering of the cold-start set; few_shot is the number of worked examples shown to the base."""

    engine: Engine
    sampling: Sampling
    few_shot: int = Field(ge=1, le=2)
    max_kept_per_prompt: PositiveInt
    max_examples: PositiveInt
    max_paragraph_words: PositiveInt


class RejectionSampling(Section):
    """Sampling and filtering of the SFT set; general_ratio is general per reasoning example (R1: 200k to 600k)."""

    engine: Engine
    sampling: Sampling
    max_kept_per_prompt: PositiveInt
    max_paragraph_words: PositiveInt
    general_ratio: NonNegativeFloat


class Evaluate(Section):
    """Evaluation; sampling.num_samples is the k of pass@k and maj@k."""

    engine: Engine
    sampling: Sampling
    general_max_new_tokens: PositiveInt
    bootstrap_resamples: PositiveInt
    confidence: float = Field(gt=0, lt=1)


class Report(Section):
    """Margins of the claims, fixed before the run."""

    mixing_bound: Probability
    non_inferiority_margin: Probability


class Ablation(Section):
    """The comparison of RL algorithms, experiments/algorithms: R1-Zero's RL for fewer rollouts, with mini-batches.

    Several optimizer steps a round, since at one every ratio is 1 and no clip acts.
    equivalence_margin: pass@1 by which two algorithms may differ and still count as equal.
    """

    max_steps: PositiveInt
    batch_size: PositiveInt
    mini_batches: PositiveInt
    learning_rate: PositiveFloat
    equivalence_margin: Probability


class Config(Section):
    """The whole recipe, in R1's order."""

    profile: Name
    seed: int = Field(ge=0)
    offline: bool
    sandbox: SandboxPolicy
    model: str | None
    launcher: Launcher
    prepare: Prepare
    base: Base
    base_qwen: Base
    base_llama: Base
    training: TrainingOptions
    rl: Rl
    zero: RlStage
    cold_start_data: ColdStartData
    cold_start: SftStage
    reasoning_rl: RlStage
    rejection_sampling: RejectionSampling
    sft: SftStage
    reward_model: RewardModels
    final_rl: FinalRl
    distill_qwen: SftStage
    distill_llama: SftStage
    student_rl_qwen: RlStage
    student_rl_llama: RlStage
    evaluate: Evaluate
    report: Report
    ablation: Ablation

    @model_validator(mode="after")
    def _checkpoints_exist(self) -> Self:
        for name in get_args(BaseName):
            checkpoint = getattr(self, name).checkpoint
            if checkpoint is not None and _leaves_project(checkpoint):
                raise ValueError(
                    f"{name}.checkpoint = {checkpoint!r}: leaves the project; "
                    f"if it is meant, use an absolute path: {os.path.abspath(checkpoint)}"
                )
            local = checkpoint is not None and (self.offline or checkpoint.startswith((".", "/", "~")))
            if local and not Path(checkpoint).expanduser().exists():
                hint = "; with offline=false it may be a hub id" if self.offline else ""
                hint = "; `make smollm2` fetches it" if self.profile == "smollm2" else hint
                raise ValueError(f"{name}.checkpoint = {checkpoint!r}: no such file or directory{hint}")
        return self

    @model_validator(mode="after")
    def _data_sets_exist(self) -> Self:
        for key in ("data_sets", "general_data_sets"):
            for name, data_set in getattr(self.prepare, key).items():
                if reason := data_set.missing_because(self.offline):
                    raise ValueError(f"prepare.{key}.{name}.path = {data_set.path!r}: {reason}")
        return self

    @model_validator(mode="after")
    def _bases_have_text(self) -> Self:
        """A base from scratch learns from the corpus, which data sets do not feed."""
        documents = self.prepare.general.documents + sum(family.documents for family in self.prepare.families.values())
        for name in get_args(BaseName):
            if not documents and getattr(self, name).checkpoint is None:
                raise ValueError(
                    f"{name}.checkpoint = None: and prepare asks for no documents to pretrain a base on; "
                    "give a checkpoint, or documents"
                )
        return self

    @model_validator(mode="after")
    def _rl_can_be_launched(self) -> Self:
        parallelism = self.launcher.parallelism
        for name in RL_STAGES:
            check_rl_launch(self.rl, getattr(self, name), parallelism, self.launcher.total_processes)
        if self.training.lora is not None and parallelism in ("fsdp2", "zero3"):
            raise ValueError(
                f"training.lora = {self.training.lora.r}: adapters cannot be merged into weights that {parallelism} "
                "spreads over processes; launcher=ddp, or lora=none"
            )
        return self

    @model_validator(mode="after")
    def _batches_are_shared_out(self) -> Self:
        for name in Config.model_fields:
            section = getattr(self, name)
            settings = section.pretraining if isinstance(section, Base) and section.checkpoint is None else section
            if isinstance(settings, Optimization | RlStage):
                try:
                    share_of_batch(settings.batch_size, settings.micro_batch_size, self.launcher.total_processes)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
        return self

    @model_validator(mode="after")
    def _endpoints_are_near(self) -> Self:
        engines: dict[str, Engine] = {
            "cold_start_data.engine": self.cold_start_data.engine,
            "rejection_sampling.engine": self.rejection_sampling.engine,
            "evaluate.engine": self.evaluate.engine,
        }
        if isinstance(self.rl.difficulty, ByPassRate):
            engines["rl.difficulty.engine"] = self.rl.difficulty.engine
        called: dict[str, str] = {}
        for key, engine in engines.items():
            if isinstance(engine, OpenaiEngine):
                called[f"{key}.base_url"] = engine.base_url
            elif isinstance(engine, RayEngine) and engine.address is not None and engine.address != "auto":
                called[f"{key}.address"] = engine.address
        if isinstance(self.rl.rollout, VllmServerRollout):
            called["rl.rollout.base_url"] = self.rl.rollout.base_url
        for key, address in called.items():
            if self.offline and not on_this_machine(address):
                raise ValueError(
                    f"{key} = {address!r}: is not on this machine, and offline is true; "
                    "with offline=false it may be called"
                )
        return self

    @model_validator(mode="after")
    def _rewards_stand_once(self) -> Self:
        extra = self.rl.algorithm.extra_rewards
        for name in RL_STAGES:
            for reward in extra:
                if reward in getattr(self, name).rewards:
                    raise ValueError(
                        f"rl.algorithm.extra_rewards.{reward} = {extra[reward]}: stands in {name}.rewards already, "
                        "set its weight there"
                    )
        return self

    @model_validator(mode="after")
    def _adapters_suffice(self) -> Self:
        """With adapters the reference is the policy without them: it cannot move, and no critic has any."""
        if self.training.lora is None:
            return self
        algorithm = self.rl.algorithm
        if isinstance(algorithm, Ppo):
            raise ValueError("training.lora: PPO's critic is trained whole; choose another rl/algorithm, or lora null")
        steps = max(getattr(self, name).max_steps for name in RL_STAGES)
        if algorithm.beta and algorithm.ref_model_sync_steps < steps:
            raise ValueError(
                f"rl.algorithm.ref_model_sync_steps = {algorithm.ref_model_sync_steps}: with training.lora the "
                f"reference cannot be replaced, so it must be at least the longest max_steps, {steps}"
            )
        return self

    @model_validator(mode="after")
    def _code_is_rewarded(self) -> Self:
        """Code that no reward pays for would silently train on nothing."""
        asked = {
            f"families.{name}.rl": family.rl for name, family in self.prepare.families.items() if family.task == "code"
        } | {
            f"data_sets.{name}.splits.rl": data_set.splits.get("rl", 0)
            for name, data_set in self.prepare.data_sets.items()
            if data_set.is_code
        }
        for key, count in asked.items():
            for name in RL_STAGES if count else ():
                rewards = {**getattr(self, name).rewards, **self.rl.algorithm.extra_rewards}
                if not rewards.get("code_reward"):
                    raise ValueError(
                        f"{name}.rewards: code_reward is missing, which alone pays for the {count} prompts of "
                        f"prepare.{key}; set it, or choose code=none"
                    )
        return self
