"""Workload of each stage of the recipe: what it samples, scores and trains on, derived from the configuration."""

from collections import Counter
from dataclasses import dataclass

from r1.config.data import GeneralSplit, PromptSplit
from r1.config.finetuning import SftConfig
from r1.config.models import BaseConfig
from r1.config.recipe import Config
from r1.config.rl import PassRateConfig, PpoConfig, RlStageConfig
from r1.config.sampling import (
    EngineConfig,
    RolloutConfig,
    SamplingConfig,
    TransformersEngineConfig,
    VllmEngineConfig,
    VllmServerRolloutConfig,
)
from r1.config.training import TrainingConfig
from r1.planning.counts import count_rows
from r1.planning.shapes import KNOWN, Shape, find_shape, shape_of
from r1.recipe import BASES, MODELS, base_of
from r1.support.errors import ConfigurationError

FILL = 0.5
"""Default mean length of a response or example, as a share of its limit; an assumption."""
JUDGES = 2
"""Reward models of the final RL: one for helpful responses, one for harmless ones."""
PROMPT_TOKENS = 128
"""Default mean length of a prompt in tokens; an assumption."""


@dataclass(frozen=True)
class Training:
    """Workload of a training, and what decides its memory.

    Attributes:
        tokens: tokens trained on, per trained model.
        sequences, length: size of a micro-batch, all rows as long as the longest.
        single: override that makes micro-batches of one such row.
        batch: sequences per optimizer step, over all devices.
        examples: sequences of the full run.
        options: precision, checkpointing and adapters.
        fused_head: True for TRL's trainers, False for transformers' plain one.
        critics, references: number of further models of the same size, trained or frozen.
        judge: shape of each of the two reward models; None without them.
    """

    tokens: float
    sequences: int
    length: int
    batch: int
    examples: float
    options: TrainingConfig
    fused_head: bool = True
    critics: int = 0
    references: int = 0
    judge: Shape | None = None
    single: str = "micro_batch_size=1"


@dataclass(frozen=True)
class Decoding:
    """Rounds of sampling; each round lasts until its longest response is done.

    Attributes:
        rounds, sequences: number of rounds, and of responses per round.
        prompt, mean, limit: mean prompt length, mean and maximum response length, in tokens.
        engine: None for transformers' generate.
    """

    rounds: float
    sequences: int
    prompt: float
    mean: float
    limit: int
    engine: VllmEngineConfig | None

    @property
    def tokens(self) -> float:
        """Sampled tokens, without prompts."""
        return self.rounds * self.sequences * self.mean

    @property
    def tokens_with_prompts(self) -> float:
        """Sampled tokens plus prompts, as the metrics count rollouts."""
        return self.rounds * self.sequences * (self.mean + self.prompt)


@dataclass(frozen=True)
class Stage:
    """Workload of one stage.

    Attributes:
        forward: forward-only tokens, sampled (with prompts) or scored, as the metrics count them.
        scored: the scored ones among them.
    """

    name: str
    shape: Shape
    training: Training | None = None
    decodings: tuple[Decoding, ...] = ()
    forward: float = 0.0
    scored: float = 0.0

    @property
    def trained(self) -> float:
        """Tokens trained on, summed over all trained models."""
        return self.training.tokens * (1 + self.training.critics) if self.training else 0.0


class Recipe:
    """Derives the stages' workloads from a configuration."""

    def __init__(self, config: Config, fill: float = FILL, prompt_tokens: int = PROMPT_TOKENS) -> None:
        """Derive the bases' shapes.

        Args:
            config: the full configuration.
            fill: mean length of a response as a share of its limit.
            prompt_tokens: mean length of a prompt; models pretrained here get at most an eighth of their context.

        Raises:
            ConfigurationError: if rollouts come from a server, or a checkpoint's size is unknown.
        """
        self.config, self.fill, self.prompt_tokens = config, fill, prompt_tokens
        if isinstance(config.rl.rollout, VllmServerRolloutConfig):
            raise ConfigurationError(
                "rl.rollout = 'vllm_server': the server's GPUs are not the launcher's, so the planner does not model "
                "them; plan with rollout=vllm"
            )
        self.shapes: dict[str, Shape] = {name: base_shape(name, getattr(config, name)) for name in BASES}

    def stages(self) -> list[Stage]:
        """Return the stages in R1's order."""
        config, examples = self.config, self._sft_examples()
        rejection = config.rejection_sampling
        cold = config.cold_start_data
        cold_examples = min(cold.max_examples, self.problems("cold_start"))
        rejected = self.problems("rejection")
        preferred = "preference_reward" in config.final_rl.rewards
        judge = self.shapes[config.reward_model.base] if preferred else None
        return [
            *(self._base(name) for name in BASES if getattr(config, name).checkpoint is None),
            self._rl("zero", "base", config.zero),
            # Sampled from two models: R1-Zero and the few-shot base.
            self._sampling("cold_start_data", "base", cold.engine, cold.sampling, 2 * self.problems("cold_start")),
            self._sft("cold_start", "base", config.cold_start, cold_examples, cold.sampling.max_new_tokens),
            self._rl("reasoning_rl", "base", config.reasoning_rl),
            self._sampling("rejection_sampling", "base", rejection.engine, rejection.sampling, rejected),
            self._sft("sft", "base", config.sft, examples, rejection.sampling.max_new_tokens),
            self._reward_models(),
            self._rl("final_rl", "base", config.final_rl, judge),
            *(
                self._sft(f"distill_{family}", f"base_{family}", settings, examples, rejection.sampling.max_new_tokens)
                for family, settings in (("qwen", config.distill_qwen), ("llama", config.distill_llama))
            ),
            self._rl("student_rl_qwen", "base_qwen", config.student_rl_qwen),
            self._rl("student_rl_llama", "base_llama", config.student_rl_llama),
            *self._evaluations(),
        ]

    def problems(self, split: PromptSplit) -> int:
        """Count the problems of a split, over families and data sets."""
        prepare = self.config.prepare
        families: int = sum(getattr(family, split) for family in prepare.families.values())
        return families + sum(
            count_rows(f"prepare.data_sets.{name}", data, data.splits, split)
            for name, data in prepare.data_sets.items()
        )

    def _general(self, split: GeneralSplit) -> int:
        """Count the general prompts of a split, generated ones and those from data sets."""
        prepare = self.config.prepare
        own: int = getattr(prepare.general, split)
        return own + sum(
            count_rows(f"prepare.general_data_sets.{name}", data, data.splits, split)
            for name, data in prepare.general_data_sets.items()
        )

    def _sft_examples(self) -> int:
        """Assume one kept completion per prompt, as acceptance is unknown beforehand, plus general examples."""
        reasoning = self.problems("rejection")
        general = int(reasoning * self.config.rejection_sampling.general_ratio)
        return reasoning + min(general, self._general("sft"))

    def _prompt(self, base: str) -> float:
        architecture = getattr(self.config, base).architecture
        scratch = getattr(self.config, base).checkpoint is None
        return min(self.prompt_tokens, architecture.max_position_embeddings // 8) if scratch else self.prompt_tokens

    def _base(self, name: str) -> Stage:
        settings = getattr(self.config, name).pretraining
        tokens = settings.max_steps * settings.batch_size * settings.max_length
        options = self.config.training.model_copy(update={"lora": None})
        training = Training(
            tokens=tokens,
            sequences=settings.micro_batch_size,
            length=settings.max_length,
            batch=settings.batch_size,
            examples=settings.max_steps * settings.batch_size,
            options=options,
            fused_head=False,
        )
        return Stage(name, self.shapes[name], training)

    def _sft(self, name: str, base: str, settings: SftConfig, examples: int, response: int) -> Stage:
        """An example is a prompt and a sampled response of up to `response` tokens, truncated at `max_length`."""
        tokens = min(settings.max_length, self._prompt(base) + self.fill * response)
        trained = settings.epochs * examples * tokens
        sizes = settings.micro_batch_size, settings.max_length, settings.batch_size
        training = Training(trained, *sizes, settings.epochs * examples, self.config.training)
        return Stage(name, self.shapes[base], training)

    def _reward_models(self) -> Stage:
        """Both models; a pair is two conversations, each a prompt and a reply of equal length."""
        settings = self.config.reward_model
        tokens = min(settings.max_length, 2 * self._prompt(settings.base))
        trained = settings.epochs * self._general("preference") * 2 * tokens
        sizes = 2 * settings.micro_batch_size, settings.max_length, 2 * settings.batch_size
        training = Training(trained, *sizes, trained / tokens, self.config.training)
        return Stage("reward_models", self.shapes[settings.base], training)

    def _sampling(self, name: str, base: str, engine: EngineConfig, sampling: SamplingConfig, problems: int) -> Stage:
        decoding = self._decoding(base, engine, problems * sampling.num_samples, sampling.max_new_tokens)
        return Stage(name, self.shapes[base], decodings=(decoding,), forward=decoding.tokens_with_prompts)

    def _evaluations(self) -> list[Stage]:
        """One stage per base, for all models built on it, and those of the intervention a second time.

        General prompts, less than a tenth, and the short answers at thinking budgets are left out.
        """
        settings, problems = self.config.evaluate, self.problems("evaluate")
        counts = Counter(base_of(model) for model in (*MODELS, *settings.intervention.models))
        return [
            self._sampling(f"evaluate_{base}", base, settings.engine, settings.sampling, problems * count)
            for base, count in counts.items()
        ]

    def _decoding(self, base: str, engine: EngineConfig | RolloutConfig, sequences: int, limit: int) -> Decoding:
        """vLLM batches continuously, in one round; transformers' generate waits for each batch."""
        mean = max(1.0, self.fill * limit)
        if isinstance(engine, VllmEngineConfig):
            return Decoding(1, sequences, self._prompt(base), mean, limit, engine)
        batch = min(sequences, engine.batch_size) if isinstance(engine, TransformersEngineConfig) else sequences
        return Decoding(sequences / max(1, batch), batch, self._prompt(base), mean, limit, None)

    def _rl(self, name: str, base: str, stage: RlStageConfig, judge: Shape | None = None) -> Stage:
        """As in r1/rl/train.py: full generation rounds, each scored by the reference policy and trained on."""
        algorithm, difficulty, prompt = self.config.rl.algorithm, self.config.rl.difficulty, self._prompt(base)
        rounds = -(-stage.max_steps // (algorithm.num_mini_batches * algorithm.num_iterations))
        sequences = algorithm.num_mini_batches * stage.batch_size
        engine = self.config.rl.rollout if isinstance(self.config.rl.rollout, VllmEngineConfig) else None
        mean = max(1.0, self.fill * stage.max_completion_length)
        decoding = Decoding(rounds, sequences, prompt, mean, stage.max_completion_length, engine)
        sampled = decoding.tokens_with_prompts
        critics = int(isinstance(algorithm, PpoConfig))
        scored = (1 + self.config.rl.rescores + critics) * sampled
        longest = stage.max_prompt_length or int(prompt)
        length, budget = longest + stage.max_completion_length, stage.micro_batch_tokens
        training = Training(
            tokens=sampled * algorithm.num_iterations,
            sequences=stage.micro_batch_size if budget is None else min(stage.batch_size, -(-budget // length)),
            length=length,
            batch=stage.batch_size,
            examples=rounds * sequences * algorithm.num_iterations,
            options=self.config.training,
            critics=critics,
            references=1,  # or, without KL in the loss, the initial policy that the logged KL refers to
            judge=judge,
            # With a budget, micro_batch_size decides nothing; a longer row than the budget is alone.
            single="micro_batch_size=1" if budget is None else f"micro_batch_tokens={stage.max_completion_length}",
        )
        chosen: tuple[Decoding, ...] = ()
        if isinstance(difficulty, PassRateConfig):
            drawn = self.problems("rl") * difficulty.num_samples
            chosen = (self._decoding(base, difficulty.engine, drawn, stage.max_completion_length),)
        # The metrics count the run itself, not the sampling that selects its prompts.
        return Stage(name, self.shapes[base], training, (decoding, *chosen), forward=sampled + scored, scored=scored)


def base_shape(name: str, base: BaseConfig) -> Shape:
    """Return the shape of a base.

    Raises:
        ConfigurationError: if its checkpoint is neither a known model nor a directory with a readable config.json.
    """
    if base.checkpoint is None:
        assert base.architecture is not None and base.pretraining is not None
        return shape_of(base.architecture, base.pretraining.vocab_size)
    shape = find_shape(base.checkpoint)
    if shape is None:
        raise ConfigurationError(
            f"{name}.checkpoint = {base.checkpoint!r}: unknown size; known: {', '.join(KNOWN)}, "
            "and directories with a config.json of model type qwen2, qwen3, llama or deepseek_v3"
        )
    return shape
