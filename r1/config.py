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
SandboxPolicy = Literal["bubblewrap", "none"]
Level = Literal["train", "hard", "transfer"]
PromptSplit = Literal["cold_start", "rl", "rejection", "evaluate"]


def _leaves_project(path: str) -> bool:
    """True for a relative path that climbs out; an absolute one is meant."""
    return os.path.normpath(path).split(os.sep)[0] == os.pardir


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

    checkpoint: hub id, local directory, or a .gguf file; outside the project only as an absolute path or with `~`.
    """

    checkpoint: str | None
    architecture: Architecture | None
    pretraining: Pretraining | None
    chat_template: TemplateName | None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.checkpoint is None and (self.architecture is None or self.pretraining is None):
            raise ValueError("needs a checkpoint, or architecture and pretraining to make one from scratch")
        if self.checkpoint is None and self.chat_template is None:
            raise ValueError("chat_template: a base from scratch needs one, null keeps a checkpoint's own")
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

    @property
    def loopback(self) -> bool:
        """True if the endpoint is on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False


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


# --- stages -----------------------------------------------------------------


class Family(Section):
    """A task family at one level, and how many of its problems go where.

    options are reasoning-gym's, or those of r1/tasks/code.py; documents counts corpus documents, the others problems.
    """

    task: Literal["chain_sum", "basic_arithmetic", "complex_arithmetic", "code"]
    level: Level
    options: dict[str, Any]
    documents: int = Field(ge=0)
    cold_start: int = Field(ge=0)
    rl: int = Field(ge=0)
    rejection: int = Field(ge=0)
    evaluate: int = Field(ge=0)


class DataSet(Section):
    """A local file of problems with answers that a task's verifier judges.

    Attributes:
        path: .jsonl or .parquet, from the project's root; data/external/ is what DVC watches. An absolute
            path may lead anywhere.
        task: whose verifier judges answers; `math` is math-verify.
        level: as a family's.
        prompt_column, answer_column: where the question and its one answer stand.
        splits: how many problems go where, or `all` of a split's. A data set that feeds a single split feeds it
            with any of its problems; one that feeds several shares them out by identity, as families do.
    """

    path: str
    task: Literal["chain_sum", "basic_arithmetic", "complex_arithmetic", "math"]
    level: Level
    prompt_column: str
    answer_column: str
    splits: Mapping[PromptSplit, PositiveInt | Literal["all"]] = Field(min_length=1)

    @field_validator("path")
    @classmethod
    def _path_is_readable(cls, path: str) -> str:
        if not path.endswith((".jsonl", ".parquet")):
            raise ValueError("a data set is a .jsonl or a .parquet file")
        if _leaves_project(path):
            raise ValueError("leads out of the project: put the file into data/external/, or give an absolute path")
        return path


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
    sft: PositiveInt
    preference: PositiveInt
    rl: PositiveInt
    evaluate: PositiveInt


class Decontamination(Section):
    """Rows of data sets that share so many words in a row with an evaluation prompt are not trained on."""

    ngram: int = Field(ge=8, le=13)


class Prepare(Section):
    """The world: problems by family and from data sets, the corpus' styles, general prompts."""

    families: dict[Name, Family]
    data_sets: dict[Name, DataSet]
    decontamination: Decontamination
    styles: Styles
    general: General

    @model_validator(mode="after")
    def _names_stand_once(self) -> Self:
        for name in self.data_sets:
            if name in self.families:
                raise ValueError(f"data_sets.{name}: a family has this name, and rows would not say which made them")
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


class FinalRl(RlStage):
    """RL over all scenarios: general prompts come in for the last share of the steps, at this share of the prompts."""

    rewards: Mapping[RewardName, float]  # type: ignore[assignment]  # preference models exist only here
    general_last: Probability
    general_share: Probability


class Finetuning(Optimization):
    """Some epochs over a data set."""

    epochs: PositiveInt


class SftStage(Finetuning):
    """Supervised fine-tuning on prompt-completion pairs, loss on the completion alone.

    chat_template: what the model is prompted with from here on; null keeps the base's.
    """

    chat_template: TemplateName | None


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
    prepare: Prepare
    base: Base
    base_qwen: Base
    base_llama: Base
    rl: Rl
    zero: RlStage
    cold_start_data: ColdStartData
    cold_start: SftStage
    reasoning_rl: RlStage
    rejection_sampling: RejectionSampling
    sft: SftStage
    reward_model: Finetuning
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
                raise ValueError(f"{name}.checkpoint = {checkpoint!r}: no such file or directory{hint}")
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
        for key, engine in engines.items():
            if self.offline and isinstance(engine, OpenaiEngine) and not engine.loopback:
                raise ValueError(
                    f"{key}.base_url = {engine.base_url!r}: is not on this machine, and offline is true; "
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
    def _code_is_rewarded(self) -> Self:
        """Code that no reward pays for would silently train on nothing."""
        for family, settings in self.prepare.families.items():
            for name in RL_STAGES if settings.task == "code" and settings.rl else ():
                rewards = {**getattr(self, name).rewards, **self.rl.algorithm.extra_rewards}
                if not rewards.get("code_reward"):
                    raise ValueError(
                        f"{name}.rewards: code_reward is missing, which alone pays for the {settings.rl} prompts of "
                        f"prepare.families.{family}.rl; set it, or choose code=none"
                    )
        return self
