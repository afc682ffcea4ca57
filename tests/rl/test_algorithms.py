"""Every RL algorithm as it runs, a TRL trainer set up the way train_rl does, against float64 references in NumPy.

The references are written from the papers' equations on ragged rows, the tokens of one completion
each, so that no mask enters them; log-probabilities come from the plain model's logits.

- Advantages: the group's z-score with TRL's two conventions, sample deviation and 1e-4 beside it
  (GRPO, arXiv 2402.03300, eq. 3), centred only (Dr. GRPO, 2503.20783), leave-one-out with the k1 KL in
  the reward (RLOO, 2402.14740), whitened returns with the k1 KL of each token in the reward
  (REINFORCE++, 2501.03262), sums of discounted temporal differences (GAE, 1506.02438, eq. 16).
- Losses: the clipped surrogate (PPO, 1707.06347, eq. 7) averaged over completions (GRPO, GSPO), over a
  constant (Dr. GRPO) or over all tokens (DAPO, 2503.14476); one ratio a sequence, length-normalised
  (GSPO, 2507.18071, eq. 7) or not (RLOO); k3 KL in the loss (GRPO); clipped value loss (PPO).
- Gradients: central differences in one random entry of every tensor of the policy, and of PPO's critic.

TRL keeps rewards in float32, whence the errors near 1e-7; all else is float64.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from datasets import Dataset
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm
from trl import GRPOConfig, RLOOConfig

from r1.config.correction import CorrectionConfig, ImportanceCorrectionConfig, OffCorrectionConfig
from r1.config.models import DenseArchitectureConfig
from r1.config.rl import AlgorithmConfig, GroupRelativeConfig, LeaveOneOutConfig, PpoConfig
from r1.models.chat import as_messages
from r1.models.loading import from_scratch, load_tokenizer, save
from r1.models.policy import Policy
from r1.models.tokenizer import train_tokenizer
from r1.rl.advantages import explained_variance, generalized_advantages, token_rewards, value_loss, whiten
from r1.rl.arguments import algorithm_arguments, rollout_arguments
from r1.rl.micro_batches import MicroBatchLimit
from r1.rl.rollout_batch import flat_groups, replace_rows
from r1.rl.settings import RlSettings
from r1.training.arguments import device_arguments
from r1.training.recorder import Recorder
from tests.trainings import SMOKE, configured, context

Array = NDArray[np.float64]
Ragged = list[Array]
Batch = dict[str, Tensor]
Score = tuple[float | None, float | None]
Module = TypeVar("Module", bound=nn.Module)

OFF = OffCorrectionConfig(name="off")
TOLERANCE = 1e-5
GROUP, TOKENS, TEMPERATURE = 4, 6, 0.7
WEIGHTS = (1.0, 0.5)
STAGE = SMOKE.zero.model_copy(
    update={
        "batch_size": 16,
        "micro_batch_size": 8,
        "micro_batch_tokens": None,
        "num_generations": GROUP,
        "max_completion_length": TOKENS,
        "temperature": TEMPERATURE,
    }
)
PROMPTS = [
    {"prompt": as_messages(question), "task": "chain_sum", "answer": "3", "kind": ""}
    for question in ("1 + 2?", "2 + 1 + 0?", "What is 3?", "3")
]

CASES: list[tuple[str, dict[str, Any]]] = [
    ("grpo", {}),
    ("grpo", {"scale_rewards": "batch"}),
    ("grpo", {"beta": 0.1, "epsilon_high": 0.3}),
    ("dr_grpo", {}),
    ("dr_grpo", {"beta": 0.1}),
    ("dapo", {"max_resampling_rounds": 0}),
    ("dapo", {"max_resampling_rounds": 0, "num_mini_batches": 2, "beta": 0.1}),
    ("gspo", {}),
    ("gspo", {"beta": 0.1}),
    ("rloo", {}),
    ("rloo", {"beta": 0.0}),
    ("rloo", {"beta": 0.1, "normalize_advantages": True}),
    ("reinforce_pp", {}),
    ("reinforce_pp", {"beta": 0.0}),
    ("reinforce_pp", {"beta": 0.1, "gamma": 0.9, "num_mini_batches": 2}),
    ("ppo", {}),
    ("ppo", {"beta": 0.1, "gamma": 0.9, "lam": 0.8}),
]
every_case = pytest.mark.parametrize(
    ("name", "changes"), CASES, ids=[f"{name}-{'-'.join(changes) or 'default'}" for name, changes in CASES]
)

WORST: dict[str, dict[str, float]] = defaultdict(dict)


def check(algorithm: str, what: str, found: Any, expected: Any) -> None:
    """Record the largest error as a share of the largest expected value, and hold it to the tolerance."""
    expected = np.asarray(expected, dtype=np.float64)
    found = np.asarray(found, dtype=np.float64)
    assert found.shape == expected.shape
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    WORST[algorithm][what] = max(error, WORST[algorithm].get(what, 0.0))
    assert error < TOLERANCE, (found, expected)


# --- trainers on a tiny float64 model ---------------------------------------


class ExactHead:
    """TRL's chunked log-probabilities and entropy, in the dtype of what comes in."""

    @staticmethod
    def apply(hidden: Tensor, weight: Tensor, bias: None, targets: Tensor, temperature: float, *_: Any) -> Any:
        logps = (hidden @ weight.T / temperature).log_softmax(dim=-1)
        entropy = -(logps.exp() * logps).sum(dim=-1)
        return logps.gather(-1, targets[:, None])[:, 0], entropy, None, None, None


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors this small take 10 ms to share among threads and 0.1 ms to compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers' norm and TRL's head work in float32 whatever comes in, too coarse for finite differences."""

    def norm(self: Any, hidden: Tensor) -> Tensor:
        return nn.functional.rms_norm(hidden, hidden.shape[-1:], self.weight, self.variance_epsilon)

    monkeypatch.setattr(Qwen3RMSNorm, "forward", norm)
    monkeypatch.setattr("trl.trainer.utils._ChunkedLogProbFunction", ExactHead)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("policy")
    tokenizer = train_tokenizer(["1 + 2 = 3"], 262, "chat")
    architecture = DenseArchitectureConfig(
        model_type="qwen3",
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=4,
        max_position_embeddings=64,
        tie_word_embeddings=False,
    )
    save(shaken(from_scratch(architecture, tokenizer, seed=0), 0.4, seed=0), tokenizer, directory)
    return directory


@dataclass
class Script:
    """Stands in for generation and rewards: round by round, completions and the two scores of each.

    sampler: log-probabilities of the completions, as vLLM returns them.
    """

    rounds: list[tuple[list[list[int]], list[Score]]]
    sampler: list[list[float]] | None = None
    prompts: list[list[list[int]]] = field(default_factory=list)

    def generate(self, prompt_ids: list[list[int]], *_: Any) -> list[list[int]]:
        self.prompts.append(prompt_ids)
        return self.rounds[len(self.prompts) - 1][0]

    def first(self, **_: Any) -> list[float | None]:
        return [score for score, _ in self.rounds[len(self.prompts) - 1][1]]

    def second(self, **_: Any) -> list[float | None]:
        return [score for _, score in self.rounds[len(self.prompts) - 1][1]]


Make = Callable[..., Any]


@pytest.fixture
def make(policy: Path, tmp_path: Path) -> Make:
    """Builds an algorithm's trainer: float64, a reference that differs from the policy, a critic that is not 0."""
    return partial(make_trainer, policy, tmp_path)


def make_trainer(
    policy: Path,
    tmp_path: Path,
    name: str,
    script: Script | None = None,
    critic_scale: float = 0.5,
    correction: CorrectionConfig = OFF,
    **changes: Any,
) -> Any:
    shared = configured(name, **changes).model_copy(update={"correction": correction})
    settings, script = RlSettings(STAGE, shared), script or Script([])
    algorithm, start = settings.algorithm, Policy(policy)
    arguments = {
        **device_arguments(context(tmp_path)),
        **rollout_arguments(settings.shared.rollout, start, PROMPTS, TOKENS),
        **algorithm_arguments(settings),
        "reward_weights": list(WEIGHTS),
        "output_dir": str(tmp_path),
    }
    from r1.rl.trainers import TRAINERS

    extra: dict[str, Any] = {}
    if isinstance(algorithm, PpoConfig):
        critic: Any = start.load_critic().double()
        shaken(critic.score, critic_scale, seed=1)
        extra["critic"] = critic
    trainer: Any = TRAINERS[type(algorithm)](
        model=start.load().double(),
        reward_funcs=[script.first, script.second],
        args=(RLOOConfig if isinstance(algorithm, LeaveOneOutConfig) else GRPOConfig)(**arguments),
        train_dataset=Dataset.from_list(PROMPTS),
        processing_class=start.tokenizer,
        record=Recorder(tmp_path / "curve.csv"),
        rl=settings.shared,
        held_back=[],
        micro_batch=MicroBatchLimit(STAGE.micro_batch_size, STAGE.micro_batch_tokens),
        start=None if algorithm.beta else start.load().double(),
        **extra,
    )
    assert anchor(trainer).dtype == torch.float64
    shaken(anchor(trainer), 0.1, seed=2)
    ids_alone = isinstance(algorithm, LeaveOneOutConfig)
    trainer._generate_single_turn = (
        script.generate if ids_alone else lambda *args: (script.generate(*args), script.sampler)
    )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    trainer.state.max_steps = 100
    trainer.state.global_step = getattr(algorithm, "critic_warmup_steps", 0)
    return trainer


def anchor(trainer: Any) -> Any:
    """What the KL is measured to: the reference, or without one the policy's start."""
    return trainer.ref_model or trainer.start


def shaken(module: Module, scale: float, seed: int) -> Module:
    """The module with noise added to its weights."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=random, dtype=parameter.dtype))
    return module


def rollout_inputs() -> list[dict[str, Any]]:
    return [dict(row) for row in PROMPTS for _ in range(GROUP)]


def random_completions(random: np.random.Generator, tokenizer: Any, lengths: Iterable[int]) -> list[list[int]]:
    """Completions that end in EOS, or are cut off at the limit without one."""
    completions = [random.integers(10, 250, length).tolist() for length in lengths]
    return [ids if len(ids) == TOKENS else [*ids[:-1], tokenizer.eos_token_id] for ids in completions]


# --- references -------------------------------------------------------------


def ragged(values: Tensor, mask: Tensor) -> Ragged:
    lengths = mask.sum(dim=1).tolist()
    return [row[:length].double().numpy() for row, length in zip(values.detach(), lengths, strict=True)]


def flat(values: Tensor, mask: Tensor) -> Array:
    return np.concatenate(ragged(values, mask))


def whole(batch: Batch) -> tuple[Tensor, Tensor]:
    ids, mask = (torch.cat([batch[f"prompt_{of}"], batch[f"completion_{of}"]], dim=1) for of in ("ids", "mask"))
    return ids, mask


def log_probabilities(model: Any, batch: Batch) -> Ragged:
    ids, attention = whole(batch)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=attention).logits.numpy() / TEMPERATURE
    logits = logits - logits.max(axis=-1, keepdims=True)
    logps = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    start, lengths = batch["prompt_ids"].shape[1], batch["completion_mask"].sum(dim=1).tolist()
    return [
        np.array([logps[row, at - 1, ids[row, at]] for at in range(start, start + length)])
        for row, length in enumerate(lengths)
    ]


def critic_values(critic: Any, batch: Batch) -> Ragged:
    ids, attention = whole(batch)
    with torch.no_grad():
        values = critic(input_ids=ids, attention_mask=attention).logits[..., 0].numpy()
    start, lengths = batch["prompt_ids"].shape[1], batch["completion_mask"].sum(dim=1).tolist()
    return [values[row, start - 1 : start - 1 + length] for row, length in enumerate(lengths)]


def total(score: Score) -> float:
    """NaN where no reward applies."""
    applied = [weight * value for weight, value in zip(WEIGHTS, score, strict=True) if value is not None]
    return sum(applied) if applied else float("nan")


def group_advantages(algorithm: GroupRelativeConfig, scores: Array) -> Array:
    advantages = np.zeros_like(scores)
    for start in range(0, len(scores), GROUP):
        rows = [row for row in range(start, start + GROUP) if not np.isnan(scores[row])]
        centred = scores[rows] - scores[rows].mean()
        known = scores[rows] if algorithm.scale_rewards == "group" else scores[~np.isnan(scores)]
        if algorithm.scale_rewards == "none":
            advantages[rows] = centred
        elif len(known) > 1:
            advantages[rows] = centred / (known.std(ddof=1) + 1e-4)
    return advantages


def leave_one_out(scores: Array, normalize: bool) -> Array:
    advantages = np.full_like(scores, np.nan)
    for row, score in enumerate(scores):
        start = row // GROUP * GROUP
        others = [scores[other] for other in range(start, start + GROUP) if other != row]
        known = [other for other in others if not np.isnan(other)]
        if known:
            advantages[row] = score - np.mean(known)
    if normalize:
        advantages = (advantages - np.nanmean(advantages)) / (np.nanstd(advantages, ddof=1) + 1e-4)
    return np.nan_to_num(advantages)


def discounted_sum(terms: Array, discount: float) -> Array:
    size = len(terms)
    return np.array([sum(discount ** (at - start) * terms[at] for at in range(start, size)) for start in range(size)])


def penalized(scores: Array, divergence: Ragged, beta: float) -> Ragged:
    """Each token's reward: minus its k1 KL, on the last token with the completion's score, 0 if it has none."""
    rewards = [-beta * tokens for tokens in divergence]
    for tokens, score in zip(rewards, scores, strict=True):
        tokens[-1] += np.nan_to_num(score)
    return rewards


def whitened(advantages: Ragged, scores: Array) -> Ragged:
    """Over all tokens that a reward applies to; 0 for the others."""
    tokens = np.concatenate([row for row, score in zip(advantages, scores, strict=True) if not np.isnan(score)])
    return [
        (row - tokens.mean()) / tokens.std() if not np.isnan(score) else np.zeros_like(row)
        for row, score in zip(advantages, scores, strict=True)
    ]


def reference_loss(trainer: Any, batch: Batch) -> float:
    """The policy's part of the loss."""
    algorithm: AlgorithmConfig = trainer.algorithm
    mask = batch["completion_mask"]
    logps = log_probabilities(trainer.model, batch)

    def surrogate(log_ratio: Any, advantage: Any) -> Any:
        ratio = np.exp(log_ratio)
        clipped = np.clip(ratio, 1 - algorithm.epsilon, 1 + algorithm.epsilon_high)
        return np.minimum(ratio * advantage, clipped * advantage)

    if isinstance(algorithm, LeaveOneOutConfig):
        pairs = zip(logps, batch["old_logps"].tolist(), batch["advantages"].tolist(), strict=True)
        return -float(np.mean([surrogate(tokens.sum() - old, advantage) for tokens, old, advantage in pairs]))

    advantages = batch["advantages"] if batch["advantages"].ndim == 2 else batch["advantages"][:, None].expand_as(mask)
    ratios = log_ratios(algorithm, logps, ragged(batch["old_per_token_logps"], mask))
    losses = [-surrogate(ratio, advantage) for ratio, advantage in zip(ratios, ragged(advantages, mask), strict=True)]
    if isinstance(algorithm, GroupRelativeConfig):
        for loss, *terms in zip(losses, logps, ragged(batch["ref_per_token_logps"], mask), strict=True):
            loss += algorithm.beta * k3(*terms)
    if algorithm.name in ("grpo", "gspo"):
        return float(np.mean([row.mean() for row in losses]))
    if algorithm.name == "dr_grpo":
        return float(np.concatenate(losses).sum()) / (len(losses) * TOKENS)
    return float(np.concatenate(losses).sum()) / (float(batch["num_items_in_batch"]) / algorithm.num_mini_batches)


def log_ratios(algorithm: AlgorithmConfig, policy: Ragged, old: Ragged) -> Ragged:
    ratios = [tokens - before for tokens, before in zip(policy, old, strict=True)]
    return [np.full_like(row, row.mean()) for row in ratios] if algorithm.name == "gspo" else ratios


def k3(policy: Array, reference: Array) -> Array:
    return np.asarray(np.exp(reference - policy) - (reference - policy) - 1)


def reference_value_loss(trainer: Any, batch: Batch) -> float:
    mask, clip = batch["completion_mask"], trainer.algorithm.value_clip
    values = np.concatenate(critic_values(trainer.critic, batch))
    old, returns, scored = (flat(batch[key], mask) for key in ("old_values", "returns", "scored_mask"))
    near = np.clip(values, old - clip, old + clip)
    errors = np.maximum((values - returns) ** 2, (near - returns) ** 2)
    return float(0.5 * errors[scored == 1].sum() / batch["num_scored_in_batch"] * trainer.algorithm.num_mini_batches)


# --- advantages -------------------------------------------------------------


def scripted(tokenizer: Any) -> Script:
    """Four groups: ordinary; all rewards equal; one row without any, one with half its rewards; one row with any."""
    random = np.random.default_rng(0)
    lengths = [1, TOKENS, *random.integers(1, TOKENS + 1, STAGE.batch_size - 2)]
    scores: list[Score] = [(value, None) for value in random.integers(-8, 9, STAGE.batch_size) / 8]
    scores[0], scores[3] = (0.5, -0.25), (0.125, 1.0)
    scores[4:8] = [(0.625, 0.5)] * 4
    scores[8:10] = [(None, None), (None, 0.75)]
    scores[12:15] = [(None, None)] * 3
    return Script([(random_completions(random, tokenizer, lengths), scores)])


@every_case
def test_advantages_and_reward_kl(make: Make, policy: Path, name: str, changes: dict[str, Any]) -> None:
    script = scripted(load_tokenizer(policy))
    trainer = make(name, script, **changes)
    batch = trainer._generate_and_score_completions(rollout_inputs())
    completions, mask = script.rounds[0][0], batch["completion_mask"]
    assert [ids.tolist() for ids in ragged(batch["completion_ids"], mask)] == completions
    assert trainer.record.rollouts == STAGE.batch_size

    algorithm = trainer.algorithm
    scores = np.array([total(score) for score in script.rounds[0][1]])
    if isinstance(algorithm, GroupRelativeConfig):
        check(name, "advantage", batch["advantages"], group_advantages(algorithm, scores))
        assert batch["num_items_in_batch"] == sum(map(len, completions))
        return

    logps = log_probabilities(trainer.model, batch)
    reference = log_probabilities(anchor(trainer), batch)
    divergence = [tokens - other for tokens, other in zip(logps, reference, strict=True)]
    if algorithm.beta:
        whole_batch = divergence if name == "rloo" else [k3(*pair) for pair in zip(logps, reference, strict=True)]
        check(name, "KL", trainer._metrics["train"]["kl"], [np.concatenate(whole_batch).mean()])
    else:
        assert not trainer._metrics["train"].get("kl")
    if isinstance(algorithm, LeaveOneOutConfig):
        penalties = np.array([tokens.sum() for tokens in divergence])
        expected = leave_one_out(scores - algorithm.beta * penalties, algorithm.normalize_advantages)
        check(name, "advantage", batch["advantages"], expected)
        check(name, "loss", batch["old_logps"], [tokens.sum() for tokens in logps])
        return

    rewards = penalized(scores, divergence, algorithm.beta)
    if isinstance(algorithm, PpoConfig):
        values = critic_values(trainer.critic, batch)
        surprises = [
            tokens + algorithm.gamma * np.append(before[1:], 0.0) - before
            for tokens, before in zip(rewards, values, strict=True)
        ]
        raw = [discounted_sum(tokens, algorithm.gamma * algorithm.lam) for tokens in surprises]
        returns = np.concatenate(raw) + np.concatenate(values)
        check(name, "advantage", flat(batch["old_values"], mask), np.concatenate(values))
        check(name, "advantage", flat(batch["returns"], mask), returns)
        of_scored = np.repeat(~np.isnan(scores), [len(tokens) for tokens in logps])
        share = 1 - np.concatenate(raw)[of_scored].var() / returns[of_scored].var()
        check(name, "advantage", trainer._metrics["train"]["critic/explained_variance"][-1], share)
    else:
        raw = [discounted_sum(tokens, algorithm.gamma) for tokens in rewards]
    found = flat(batch["advantages"], mask)
    check(name, "advantage", found, np.concatenate(whitened(raw, scores)))
    assert not batch["advantages"][mask == 0].any()
    check(name, "loss", flat(batch["old_per_token_logps"], mask), np.concatenate(logps))


def test_ppo_without_discount_or_critic_has_centred_returns(make: Make, policy: Path) -> None:
    script = scripted(load_tokenizer(policy))
    trainer = make("ppo", script, critic_scale=0.0, gamma=1.0, lam=1.0, beta=0.1)
    batch = trainer._generate_and_score_completions(rollout_inputs())
    scores = np.nan_to_num([total(score) for score in script.rounds[0][1]])
    logps, reference = (log_probabilities(model, batch) for model in (trainer.model, trainer.ref_model))
    returns = np.concatenate(
        [
            [score - 0.1 * (tokens - other)[start:].sum() for start in range(len(tokens))]
            for score, tokens, other in zip(scores, logps, reference, strict=True)
        ]
    )
    assert not batch["old_values"].any()
    mask = batch["completion_mask"]
    check("ppo", "advantage", flat(batch["returns"], mask), returns)
    scored = [score != (None, None) for score in script.rounds[0][1]]
    taught = np.repeat(scored, [len(tokens) for tokens in logps])
    found = flat(batch["advantages"], mask) * returns[taught].std()
    check("ppo", "advantage", found, (returns - returns[taught].mean()) * taught)


# --- losses and gradients ---------------------------------------------------

SHIFTS = np.array([-0.5, -0.1, 0.1, 0.5])
"""Of log ratios and values: beyond the clip range and within, on both sides."""


def loss_inputs(trainer: Any, seed: int) -> Batch:
    """The rollouts of an optimizer step as the trainer would get them, with noise on all padding.

    Ratios of every shift meet advantages of either sign.
    """
    random, tokenizer, algorithm = np.random.default_rng(seed), trainer._tokenizer, trainer.algorithm
    rows, prompt_tokens = STAGE.micro_batch_size, 5
    batch: Batch = {}
    for part, width, left in (("prompt", prompt_tokens, True), ("completion", TOKENS, False)):
        lengths = np.array([1, width, *random.integers(1, width + 1, rows - 2)])[:, None]
        at = np.arange(width)[None, :]
        mask = at >= width - lengths if left else at < lengths
        ids = np.where(mask, random.integers(10, 250, (rows, width)), tokenizer.pad_token_id)
        batch[f"{part}_ids"], batch[f"{part}_mask"] = torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))
    batch["num_items_in_batch"] = 2 * batch["completion_mask"].sum() + 3
    logps = log_probabilities(trainer.model, batch)

    def filled(values: Ragged) -> Tensor:
        padded = random.normal(size=(rows, TOKENS))
        for row, tokens in enumerate(values):
            padded[row, : len(tokens)] = tokens
        return torch.from_numpy(padded)

    def shifted(values: Ragged) -> Ragged:
        return [
            tokens - SHIFTS[(row + np.arange(len(tokens))) % 4] + random.uniform(-0.02, 0.02, len(tokens))
            for row, tokens in enumerate(values)
        ]

    if isinstance(algorithm, LeaveOneOutConfig):
        batch["old_logps"] = torch.tensor([tokens.sum() - SHIFTS[row % 4] for row, tokens in enumerate(logps)])
    elif algorithm.name == "gspo":
        noise = [random.normal(size=len(tokens)) for tokens in logps]
        old = [tokens - SHIFTS[row % 4] / 500 - noise[row] + noise[row].mean() for row, tokens in enumerate(logps)]
        batch["old_per_token_logps"] = filled(old)
    else:
        batch["old_per_token_logps"] = filled(shifted(logps))
    batch["ref_per_token_logps"] = filled([tokens + random.normal(size=len(tokens)) / 2 for tokens in logps])
    of_tokens = not isinstance(algorithm, GroupRelativeConfig | LeaveOneOutConfig)
    advantages = random.uniform(0.5, 2.0, (rows, TOKENS) if of_tokens else rows)
    advantages[rows // 2 :] *= -1
    batch["advantages"] = torch.from_numpy(advantages)
    if isinstance(algorithm, PpoConfig):
        batch["old_values"] = filled(shifted(critic_values(trainer.critic, batch)))
        batch["returns"] = torch.from_numpy(random.normal(size=(rows, TOKENS)))
        batch["scored_mask"] = batch["completion_mask"] * (torch.arange(rows) != 2)[:, None]
        batch["num_scored_in_batch"] = 2 * batch["scored_mask"].sum() + 3
    return batch


@every_case
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_loss_and_kl(make: Make, name: str, changes: dict[str, Any], seed: int) -> None:
    trainer = make(name, **changes)
    batch = loss_inputs(trainer, seed)
    expected = reference_loss(trainer, batch)
    if isinstance(trainer.algorithm, PpoConfig):
        expected += reference_value_loss(trainer, batch)
    check(name, "loss", trainer._compute_loss(trainer.model, batch).detach(), expected)
    metrics = trainer._metrics["train"]
    assert 0 < metrics["clip_ratio/low_mean"][-1] < 1 and 0 < metrics["clip_ratio/high_mean"][-1] < 1
    ours, mask = log_probabilities(trainer.model, batch), batch["completion_mask"]
    if trainer.start is not None:
        divergence = [k3(*pair) for pair in zip(ours, log_probabilities(trainer.start, batch), strict=True)]
    elif isinstance(trainer.algorithm, GroupRelativeConfig):
        divergence = [k3(*row) for row in zip(ours, ragged(batch["ref_per_token_logps"], mask), strict=True)]
    else:
        return
    check(name, "KL", metrics["kl"][-1], np.concatenate(divergence).mean())


@pytest.mark.parametrize(("name", "changes"), dict(CASES).items(), ids=dict(CASES))
def test_gradient(make: Make, name: str, changes: dict[str, Any]) -> None:
    trainer, step, random = make(name, **changes), 1e-5, np.random.default_rng(4)
    batch = loss_inputs(trainer, seed=4)
    trainer._compute_loss(trainer.model, batch).backward()
    for module in (trainer.model, *([trainer.critic] if name == "ppo" else [])):
        found, expected = [], []
        for parameter in module.parameters():
            entries, index = parameter.data.view(-1), int(random.integers(parameter.numel()))
            if len(parameter) == len(trainer._tokenizer):
                index = int(batch["completion_ids"][1, 0]) * parameter.shape[1]
            kept, losses = entries[index].item(), []
            for moved in (kept + step, kept - step):
                entries[index] = moved
                with torch.no_grad():
                    losses.append(float(trainer._compute_loss(trainer.model, batch)))
            entries[index] = kept
            found.append(float(parameter.grad.view(-1)[index]))
            expected.append((losses[0] - losses[1]) / (2 * step))
        check(name, "gradient", found, expected)


def test_only_the_critic_learns_in_its_warm_up(make: Make) -> None:
    trainer = make("ppo")
    batch = loss_inputs(trainer, seed=5)
    trainer.state.global_step = trainer.algorithm.critic_warmup_steps - 1
    loss = trainer._compute_loss(trainer.model, batch)
    check("ppo", "loss", loss.detach(), reference_value_loss(trainer, batch))
    loss.backward()
    assert not any(parameter.grad.any() for parameter in trainer.model.parameters())
    assert any(parameter.grad.any() for parameter in trainer.critic.parameters())


def test_the_loss_is_of_the_log_probabilities_that_trl_computes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL's own head, float32 as it is, gives the log-probabilities and gradients that its stand-in gives above."""
    from trl.kernels import ChunkedLogProbFunction

    found = {}
    for head in (ChunkedLogProbFunction, ExactHead):
        monkeypatch.setattr("trl.trainer.utils._ChunkedLogProbFunction", head)
        trainer = make("grpo")
        batch = loss_inputs(trainer, seed=6)
        logps = trainer._get_per_token_logps_and_entropies(trainer.model, *whole(batch), TOKENS)[0]
        (logps * batch["completion_mask"] * batch["advantages"][:, None]).sum().backward()
        gradients = [parameter.grad.flatten() for parameter in trainer.model.parameters()]
        found[head] = logps.detach(), torch.cat(gradients)
    (ours, our_gradient), (trls, trl_gradient) = found[ExactHead], found[ChunkedLogProbFunction]
    assert (ours - trls).abs().max() < TOLERANCE * ours.abs().max()
    assert (our_gradient - trl_gradient).abs().max() < TOLERANCE * our_gradient.abs().max()


# --- rollouts that another engine sampled -----------------------------------

TOKEN_MASK = ImportanceCorrectionConfig(name="token_mask", cap=1.5)
NAMES = list(dict(CASES))


@pytest.mark.parametrize("name", NAMES)
def test_the_samplers_log_probabilities_give_weights_and_curves(make: Make, policy: Path, name: str) -> None:
    random, script = np.random.default_rng(7), scripted(load_tokenizer(policy))
    script.sampler = [list(random.uniform(-7.0, -4.0, len(ids))) for ids in script.rounds[0][0]]
    trainer = make(name, script, correction=TOKEN_MASK, **({"max_resampling_rounds": 0} if name == "dapo" else {}))
    if name == "rloo":
        trainer.use_vllm, trainer._sampler = True, script.sampler
    batch = trainer._generate_and_score_completions(rollout_inputs())
    sampler = [np.array(row, dtype=np.float32) for row in script.sampler]  # TRL's precision
    logps = log_probabilities(trainer.model, batch)
    ratios = [np.exp(ours - theirs) for ours, theirs in zip(logps, sampler, strict=True)]
    expected = np.concatenate([np.where(ratio > TOKEN_MASK.cap, 0.0, ratio) for ratio in ratios])
    together = np.concatenate(ratios)
    assert 0.1 < (expected == 0).mean() < 0.9
    check(name, "sampler", flat(batch["sampler_weights"], batch["completion_mask"]), expected)
    logged = {key: values[-1] for key, values in trainer._metrics["train"].items() if key.startswith("sampler/")}
    check(name, "sampler", logged["sampler/kl"], (together - 1 - np.log(together)).mean())
    check(name, "sampler", logged["sampler/capped_share"], (expected == 0).mean())
    check(name, "sampler", logged["sampler/ratio_mean"], together.mean())


@pytest.mark.parametrize("name", ["grpo", "rloo"])
def test_rollouts_of_the_trainers_own_need_no_correction(make: Make, policy: Path, name: str) -> None:
    trainer = make(name, scripted(load_tokenizer(policy)), correction=TOKEN_MASK)
    batch = trainer._generate_and_score_completions(rollout_inputs())
    assert "sampler_weights" not in batch and not any("sampler" in key for key in trainer._metrics["train"])


def test_without_correction_the_mismatch_is_logged_all_the_same(make: Make, policy: Path) -> None:
    script = scripted(load_tokenizer(policy))
    script.sampler = [[-5.0] * len(ids) for ids in script.rounds[0][0]]
    trainer = make("grpo", script)
    batch = trainer._generate_and_score_completions(rollout_inputs())
    assert "sampler_weights" not in batch and trainer._metrics["train"]["sampler/kl"][-1] > 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gspo"])  # its tokens share one ratio
def test_weights_scale_the_gradient_of_each_token(make: Make, name: str) -> None:
    """On-policy and without KL, the gradient is that of the weighted sum of advantage times log-probability."""
    trainer = make(name, beta=0.0)
    batch = loss_inputs(trainer, seed=8)
    logps = trainer._get_per_token_logps_and_entropies(trainer.model, *whole(batch), TOKENS)[0]
    mask = batch["completion_mask"]
    batch["old_per_token_logps"], batch["old_logps"] = logps.detach(), (logps.detach() * mask).sum(dim=1)
    weight = torch.from_numpy(np.random.default_rng(8).uniform(0, 2, mask.shape))
    weight[0] = 0.0
    scale = {
        "grpo": 1 / mask.sum(dim=1, keepdim=True) / len(mask),
        "dr_grpo": torch.tensor(1 / len(mask) / TOKENS),
        "rloo": torch.tensor(1 / len(mask)),
    }.get(name, trainer.algorithm.num_mini_batches / batch["num_items_in_batch"])
    advantages = batch["advantages"] if batch["advantages"].ndim == 2 else batch["advantages"][:, None]
    parameters = list(trainer.model.parameters())
    expected = torch.autograd.grad(-(scale * advantages * weight * logps * mask).sum(), parameters)
    loss = trainer._compute_loss(trainer.model, {**batch, "sampler_weights": weight})
    found = torch.autograd.grad(loss, parameters)
    check(name, "sampler", torch.cat([one.flatten() for one in found]), torch.cat([one.flatten() for one in expected]))


def test_a_correction_is_forgotten_after_its_micro_batch(make: Make) -> None:
    trainer = make("rloo", beta=0.0)
    batch = loss_inputs(trainer, seed=9)
    parameters = list(trainer.model.parameters())

    def gradient(**weights: Tensor) -> Tensor:
        found = torch.autograd.grad(trainer._compute_loss(trainer.model, {**batch, **weights}), parameters)
        return torch.cat([one.flatten() for one in found])

    before = gradient()
    weighted = gradient(sampler_weights=torch.zeros(batch["completion_mask"].shape))
    assert not weighted.any() and torch.equal(gradient(), before)


def test_rloo_remembers_what_vllm_returns_beside_the_tokens(make: Make) -> None:
    trainer = make("rloo")
    generate = trainer._remembering(lambda *_, **__: ([], [[3, 4]], [[[-0.5], [None]]], []))
    assert generate(prompts=[])[1] == [[3, 4]]
    assert trainer._sampler[0][0] == -0.5 and np.isnan(trainer._sampler[0][1])


# --- the functions of PPO and REINFORCE++ alone -----------------------------


def test_gae_by_hand() -> None:
    rewards = torch.tensor([[0, 0, 0, 1], [-0.1, 0.5, 7, 7], [1, 7, 7, 7]], dtype=torch.float64)
    values = torch.tensor([[0.5, 0.4, 0.6, 0.8], [0.2, 0.3, 9, 9], [0.25, 9, 9, 9]], dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    # Surprises: 0.9*0.4-0.5=-0.14  0.9*0.6-0.4=0.14  0.9*0.8-0.6=0.12  1-0.8=0.2; -0.1+0.9*0.3-0.2=-0.03  0.5-0.3=0.2;
    # 1-0.25=0.75. Each advantage is its surprise and 0.9*0.8 of the next advantage.
    advantages = [[0.0976576, 0.33008, 0.264, 0.2], [0.114, 0.2, 0, 0], [0.75, 0, 0, 0]]
    returns = [[0.5976576, 0.73008, 0.864, 1.0], [0.314, 0.5, 0, 0], [1.0, 0, 0, 0]]
    found = generalized_advantages(rewards, values, mask, gamma=0.9, lam=0.8)
    check("ppo", "advantage", found[0], advantages)
    check("ppo", "advantage", found[1], returns)


def test_gae_without_critic_gives_returns_and_whitened_centred_ones() -> None:
    random = torch.Generator().manual_seed(0)
    rewards = torch.randn(5, 6, generator=random, dtype=torch.float64)
    mask = (torch.arange(6) < torch.tensor([1, 6, 3, 2, 5])[:, None]).long()
    advantages, returns = generalized_advantages(rewards, torch.zeros_like(rewards), mask, gamma=1.0, lam=1.0)
    expected = [row[::-1].cumsum()[::-1] for row in ragged(rewards, mask)]
    together = np.concatenate(expected)
    for found in (advantages, returns):
        check("ppo", "advantage", flat(found, mask), together)
        assert not found[mask == 0].any()
    for row, tokens in zip(ragged(whiten(advantages, mask), mask), expected, strict=True):
        check("ppo", "advantage", row, (tokens - together.mean()) / together.std())


def test_whitening_ignores_padding() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0], [5.0, 0.0, 0.0]], dtype=torch.float64)
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    found = whiten(values, mask)
    assert torch.equal(found, whiten(torch.where(mask == 1, values, 1e6), mask))
    assert not found[mask == 0].any()
    tokens = found[mask == 1]
    assert abs(tokens.mean()) < 1e-12 and abs(tokens.var(correction=0) - 1) < 1e-7
    assert not whiten(torch.full_like(values, 3.0), mask).any()
    nothing = whiten(values, torch.zeros_like(mask))
    assert not nothing.any() and not nothing.isnan().any(), "no completion has a reward"


def test_rewards_of_tokens_by_hand() -> None:
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]])
    log_ratio = torch.tensor([[0.5, -1.0, 9.0], [2.0, 9.0, 9.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    found = token_rewards(torch.tensor([1.0, -1.0, 0.0]), log_ratio, mask, beta=0.1)
    check("ppo", "KL", found, [[-0.05, 1.1, 0.0], [-1.2, 0.0, 0.0], [0.0, -0.1, 0.0]])


@pytest.mark.parametrize(
    ("value", "loss", "gradient"),
    [
        (0.1, 0.5 * 0.9**2, -0.9),  # near the old value 0: plain
        (0.5, 0.5 * 0.8**2, 0.0),  # beyond the clip towards the return 1: no more to gain
        (-0.5, 0.5 * 1.5**2, -1.5),  # beyond the clip away from it: plain
    ],
)
def test_value_loss_clips_what_went_far_enough(value: float, loss: float, gradient: float) -> None:
    values = torch.tensor([[value, 100.0]], dtype=torch.float64, requires_grad=True)
    returns, mask = torch.ones(1, 2, dtype=torch.float64), torch.tensor([[1, 0]])
    found = value_loss(values, torch.zeros_like(returns), returns, mask, clip=0.2)
    found.backward()
    check("ppo", "loss", found.detach(), loss)
    assert values.grad is not None
    assert values.grad.flatten().tolist() == pytest.approx([gradient, 0.0])


def test_explained_variance() -> None:
    returns, mask = torch.tensor([[1.0, 2.0], [4.0, 50.0]]), torch.tensor([[1, 1], [1, 0]])
    cases = [(returns, 1.0), (returns + 3, 1.0), (torch.full_like(returns, 2.0), 0.0), (-returns, -3.0)]
    assert [explained_variance(values, returns, mask) for values, _ in cases] == pytest.approx(
        [share for _, share in cases]
    )
    assert explained_variance(returns, torch.where(mask == 1, 2.0, returns), mask) == 0.0
    assert explained_variance(returns, returns, torch.zeros_like(mask)) == 0.0


# --- dynamic sampling -------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.0, 1.0, 0.5, 0.5], [1]),
        ([1.0, 1.0, 1.0, 1.0 + 1e-7], [0, 1]),
        ([np.nan, 1.0, np.nan, np.nan], [0, 1]),
        ([np.nan, 1.0, 0.0, 2.0], [0]),
        ([-1.0, 0.0, 3.0, 2.0], []),
    ],
)
def test_flat_groups(scores: list[float], expected: list[int]) -> None:
    assert flat_groups(torch.tensor(scores), 2) == expected


@pytest.mark.parametrize("wide_first", [True, False])
def test_replaced_rows_are_padded_on_their_sides(wide_first: bool) -> None:
    def batch(first: int, width: int) -> Batch:
        numbers = torch.arange(first, first + 3)
        tokens = numbers[:, None].expand(3, width).clone()
        masks = {f"{part}_mask": torch.ones_like(tokens) for part in ("prompt", "completion")}
        ids = {f"{part}_ids": tokens for part in ("prompt", "completion")}
        return {**ids, **masks, "old_per_token_logps": -tokens.double(), "advantages": numbers.double()} | {
            "num_items_in_batch": torch.tensor(9)
        }

    old, fresh = (batch(10, 3), batch(20, 2)) if wide_first else (batch(10, 2), batch(20, 3))
    kept = {key: value.clone() for key, value in old.items()}
    merged = replace_rows(old, [0, 2], fresh, [2, 1], pad_token_id=99)
    assert merged["advantages"].tolist() == [22.0, 11.0, 21.0]
    narrow = [0, 2] if wide_first else [1]
    for key, pad in (("ids", 99), ("mask", 0)):
        for row, number in enumerate((22, 11, 21)):
            value = number if key == "ids" else 1
            short = row in narrow
            assert merged[f"prompt_{key}"][row].tolist() == [pad if short else value, value, value]
            assert merged[f"completion_{key}"][row].tolist() == [value, value, pad if short else value]
    assert merged["old_per_token_logps"][1].tolist() == [-11.0, -11.0, -11.0 if wide_first else 0.0]
    assert all(torch.equal(old[key], kept[key]) for key in kept)


VARIED: list[Score] = [(0.0, None), (1.0, None), (0.5, None), (0.25, None)]
FLAT: list[Score] = [(1.0, None)] * GROUP


def resampling(tokenizer: Any, rounds: list[tuple[int, list[list[Score]]]]) -> Script:
    """Rounds of groups' scores, with completions of at most so many tokens."""
    random, script = np.random.default_rng(7), Script([])
    for longest, groups in rounds:
        scores = list(chain(*groups))
        lengths = [longest, *random.integers(1, longest + 1, len(scores) - 1)]
        script.rounds.append((random_completions(random, tokenizer, lengths), scores))
    return script


def test_dapo_replaces_groups_without_variance(make: Make, policy: Path) -> None:
    rounds = [(3, [VARIED, FLAT, FLAT, VARIED]), (TOKENS, [FLAT, VARIED]), (5, [FLAT]), (2, [VARIED])]
    script = resampling(load_tokenizer(policy), rounds)
    trainer = make("dapo", script, num_mini_batches=2, beta=0.1)
    batch = trainer._generate_and_score_completions(rollout_inputs())
    places = [(at, group * GROUP + row) for at, group in ((0, 0), (1, 1), (3, 0), (0, 3)) for row in range(GROUP)]
    completions = [script.rounds[at][0][row] for at, row in places]
    prompts = [script.prompts[at][row] for at, row in places]
    for part, expected, left in (("prompt", prompts, True), ("completion", completions, False)):
        ids, mask = batch[f"{part}_ids"], batch[f"{part}_mask"]
        for row, tokens in enumerate(expected):
            missing = ids.shape[1] - len(tokens)
            fill, marks = [trainer._tokenizer.pad_token_id] * missing, [1] * len(tokens)
            assert ids[row].tolist() == ([*fill, *tokens] if left else [*tokens, *fill])
            assert mask[row].tolist() == ([0] * missing + marks if left else marks + [0] * missing)
    assert trainer.record.rollouts == 32 and len(script.prompts) == 4
    assert batch["num_items_in_batch"] == batch["completion_mask"].sum() == sum(map(len, completions))
    logged = {key: trainer._metrics["train"][key] for key in ("reward", "frac_reward_zero_std")}
    first_round = np.mean([total(score) for score in script.rounds[0][1]])
    assert logged == {"reward": [pytest.approx(first_round)], "frac_reward_zero_std": [0.5]}
    scores = np.array([total(script.rounds[at][1][row]) for at, row in places])
    check("dapo", "advantage", batch["advantages"], group_advantages(trainer.algorithm, scores))
    for key, model in (("old_per_token_logps", trainer.model), ("ref_per_token_logps", trainer.ref_model)):
        found = flat(batch[key], batch["completion_mask"])
        check("dapo", "loss", found, np.concatenate(log_probabilities(model, batch)))


@pytest.mark.parametrize(("group", "calls"), [(FLAT, 4), (VARIED, 1)], ids=["gives up", "has no need"])
def test_dapo_keeps_its_first_rollouts(make: Make, policy: Path, group: list[Score], calls: int) -> None:
    script = resampling(load_tokenizer(policy), [(TOKENS, [group] * 4)] * 4)
    trainer = make("dapo", script)
    batch = trainer._generate_and_score_completions(rollout_inputs())
    mask = batch["completion_mask"]
    assert len(script.prompts) == calls and trainer.record.rollouts == calls * STAGE.batch_size
    assert [ids.tolist() for ids in ragged(batch["completion_ids"], mask)] == script.rounds[0][0]
    assert batch["advantages"].any() == (group is VARIED)
    assert batch["num_items_in_batch"] == mask.sum()


# --- the table --------------------------------------------------------------


def test_worst_relative_errors() -> None:
    """Shown by `pytest -s`."""
    columns = ("advantage", "KL", "loss", "gradient")
    if not all(set(columns) <= set(WORST[name]) for name, _ in CASES):
        pytest.skip("needs the tests above")
    print("\n" + f"{'worst relative error':<21}" + "".join(f"{column:>10}" for column in columns))
    for name, errors in WORST.items():
        print(f"{name:<21}" + "".join(f"{errors[column]:>10.1e}" for column in columns))
    assert all(errors[column] < TOLERANCE for errors in WORST.values() for column in columns)
