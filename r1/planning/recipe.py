"""The recipe's stages as work: what each samples, scores and trains, from the configuration alone."""

from collections import Counter
from dataclasses import dataclass

from r1.config.data import GeneralSplit, PromptSplit
from r1.config.finetuning import SftConfig
from r1.config.models import BaseConfig
from r1.config.recipe import Config
from r1.config.rl import GroupRelativeConfig, PassRateConfig, PpoConfig, RlStageConfig
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
"""Mean length of a response or example as a share of its limit, where nobody says otherwise; an assumption."""
PROMPT_TOKENS = 128
"""Mean length of a prompt, at most an eighth of the model's context; an assumption."""


@dataclass(frozen=True)
class Training:
    """Tokens that go through a loss, and what stands in memory meanwhile.

    Attributes:
        tokens: trained, of one model.
        sequences, length: of a micro-batch.
        batch: sequences of an optimizer step, over all devices.
        examples: sequences of the whole run.
        options: how it computes.
        fused_head: as TRL's trainers have it, and transformers' plain one does not.
        critics, references: further models of the same size that learn, or do not.
        judges: weights of reward models, all together.
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
    judges: float = 0.0


@dataclass(frozen=True)
class Decoding:
    """Rounds of responses, each round waited for to its longest.

    Attributes:
        rounds, sequences: how many, and responses in each.
        prompt, mean, limit: tokens of a prompt, of a mean response, and at most.
        engine: None is transformers' generate in the trainer.
    """

    rounds: float
    sequences: int
    prompt: float
    mean: float
    limit: int
    engine: VllmEngineConfig | None

    @property
    def tokens(self) -> float:
        """Sampled, without prompts."""
        return self.rounds * self.sequences * self.mean

    @property
    def tokens_with_prompts(self) -> float:
        """As the metrics count rollouts."""
        return self.rounds * self.sequences * (self.mean + self.prompt)


@dataclass(frozen=True)
class Stage:
    """One stage's work.

    Attributes:
        forward: tokens that go forward only, in sampling (with prompts) and in scoring, as the metrics count them.
        scored: of these, those that are scored and not sampled.
    """

    name: str
    shape: Shape
    training: Training | None = None
    decodings: tuple[Decoding, ...] = ()
    forward: float = 0.0
    scored: float = 0.0

    @property
    def trained(self) -> float:
        """Tokens through the losses of all models that learn."""
        return self.training.tokens * (1 + self.training.critics) if self.training else 0.0


class Recipe:
    """Reads the stages out of a configuration."""

    def __init__(self, config: Config, fill: float = FILL, prompt_tokens: int = PROMPT_TOKENS) -> None:
        """Args: the configuration; mean response as a share of its limit; mean tokens of a prompt."""
        self.config, self.fill, self.prompt_tokens = config, fill, prompt_tokens
        if isinstance(config.rl.rollout, VllmServerRolloutConfig):
            raise ConfigurationError(
                "rl.rollout = 'vllm_server': its GPUs are none of the launcher's, and its share of the work is not "
                "modelled; plan with rollout=vllm"
            )
        self.shapes: dict[str, Shape] = {name: base_shape(name, getattr(config, name)) for name in BASES}

    def stages(self) -> list[Stage]:
        """In R1's order."""
        config, examples = self.config, self._sft_examples()
        rejection = config.rejection_sampling
        cold = config.cold_start_data
        cold_examples = min(cold.max_examples, self.problems("cold_start"))
        rejected = self.problems("rejection")
        judges = 2 * self.shapes[config.reward_model.base].parameters
        if "preference_reward" not in config.final_rl.rewards:
            judges = 0
        return [
            *(self._base(name) for name in BASES if getattr(config, name).checkpoint is None),
            self._rl("zero", "base", config.zero),
            # R1-Zero and the base with worked examples both answer.
            self._sampling("cold_start_data", "base", cold.engine, cold.sampling, 2 * self.problems("cold_start")),
            self._sft("cold_start", "base", config.cold_start, cold_examples, cold.sampling.max_new_tokens),
            self._rl("reasoning_rl", "base", config.reasoning_rl),
            self._sampling("rejection_sampling", "base", rejection.engine, rejection.sampling, rejected),
            self._sft("sft", "base", config.sft, examples, rejection.sampling.max_new_tokens),
            self._reward_models(),
            self._rl("final_rl", "base", config.final_rl, judges),
            *(
                self._sft(f"distill_{family}", f"base_{family}", settings, examples, rejection.sampling.max_new_tokens)
                for family, settings in (("qwen", config.distill_qwen), ("llama", config.distill_llama))
            ),
            self._rl("student_rl_qwen", "base_qwen", config.student_rl_qwen),
            self._rl("student_rl_llama", "base_llama", config.student_rl_llama),
            *self._evaluations(),
        ]

    def problems(self, split: PromptSplit) -> int:
        """How many a split has, of families and data sets."""
        prepare = self.config.prepare
        families: int = sum(getattr(family, split) for family in prepare.families.values())
        return families + sum(
            count_rows(f"prepare.data_sets.{name}", data, data.splits, split)
            for name, data in prepare.data_sets.items()
        )

    def _general(self, split: GeneralSplit) -> int:
        """How many general prompts a split has, of this world and of data sets."""
        prepare = self.config.prepare
        own: int = getattr(prepare.general, split)
        return own + sum(
            count_rows(f"prepare.general_data_sets.{name}", data, data.splits, split)
            for name, data in prepare.general_data_sets.items()
        )

    def _sft_examples(self) -> int:
        """One kept per prompt, and general ones at their ratio; what filters will keep is not known before."""
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
        """An example is a prompt and a response of the sampling that made it, cut at the stage's length."""
        tokens = min(settings.max_length, self._prompt(base) + self.fill * response)
        trained = settings.epochs * examples * tokens
        sizes = settings.micro_batch_size, settings.max_length, settings.batch_size
        training = Training(trained, *sizes, settings.epochs * examples, self.config.training)
        return Stage(name, self.shapes[base], training)

    def _reward_models(self) -> Stage:
        """Both models; a pair is two conversations of a prompt and a reply as long."""
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
        """Of all models that share a size; 9 tenths and more are the problems, so general prompts are left out."""
        settings, problems = self.config.evaluate, self.problems("evaluate")
        counts = Counter(base_of(model) for model in MODELS)
        return [
            self._sampling(f"evaluate_{base}", base, settings.engine, settings.sampling, problems * count)
            for base, count in counts.items()
        ]

    def _decoding(self, base: str, engine: EngineConfig | RolloutConfig, sequences: int, limit: int) -> Decoding:
        """vLLM takes all at once and fills up as it goes; transformers' generate waits for each batch."""
        mean = max(1.0, self.fill * limit)
        if isinstance(engine, VllmEngineConfig):
            return Decoding(1, sequences, self._prompt(base), mean, limit, engine)
        batch = min(sequences, engine.batch_size) if isinstance(engine, TransformersEngineConfig) else sequences
        return Decoding(sequences / max(1, batch), batch, self._prompt(base), mean, limit, None)

    def _rl(self, name: str, base: str, stage: RlStageConfig, judges: float = 0) -> Stage:
        """As r1/rl/train.py: whole generation rounds, each scored by the reference or the start, and trained on."""
        algorithm, difficulty, prompt = self.config.rl.algorithm, self.config.rl.difficulty, self._prompt(base)
        rounds = -(-stage.max_steps // (algorithm.num_mini_batches * algorithm.num_iterations))
        sequences = algorithm.num_mini_batches * stage.batch_size
        engine = self.config.rl.rollout if isinstance(self.config.rl.rollout, VllmEngineConfig) else None
        mean = max(1.0, self.fill * stage.max_completion_length)
        decoding = Decoding(rounds, sequences, prompt, mean, stage.max_completion_length, engine)
        sampled = decoding.tokens_with_prompts
        critics = int(isinstance(algorithm, PpoConfig))
        # The policy's own log-probabilities at sampling are needed once a round has several steps.
        rescored = algorithm.num_mini_batches * algorithm.num_iterations > 1 or not isinstance(
            algorithm, GroupRelativeConfig
        )
        scored = (1 + rescored + critics) * sampled
        training = Training(
            tokens=sampled * algorithm.num_iterations,
            sequences=stage.micro_batch_size,
            length=int(prompt) + stage.max_completion_length,
            batch=stage.batch_size,
            examples=rounds * sequences * algorithm.num_iterations,
            options=self.config.training,
            critics=critics,
            references=1,  # or the start that the KL is measured to
            judges=judges,
        )
        chosen: tuple[Decoding, ...] = ()
        if isinstance(difficulty, PassRateConfig):
            drawn = self.problems("rl") * difficulty.num_samples
            chosen = (self._decoding(base, difficulty.engine, drawn, stage.max_completion_length),)
        # The metrics count the run, not the choice of its prompts.
        return Stage(name, self.shapes[base], training, (decoding, *chosen), forward=sampled + scored, scored=scored)


def base_shape(name: str, base: BaseConfig) -> Shape:
    """The shape of a base.

    Raises:
        ConfigurationError: if it is a checkpoint that is neither known nor has a config.json we can read.
    """
    if base.checkpoint is None:
        assert base.architecture is not None and base.pretraining is not None
        return shape_of(base.architecture, base.pretraining.vocab_size)
    shape = find_shape(base.checkpoint)
    if shape is None:
        raise ConfigurationError(
            f"{name}.checkpoint = {base.checkpoint!r}: its size is not known; known: {', '.join(KNOWN)}, "
            "and directories with the config.json of a qwen2, qwen3, llama or deepseek_v3"
        )
    return shape
