"""TRL's trainers, watched: one small subclass for each way to an advantage.

GRPO, Dr. GRPO, DAPO and GSPO are settings of TRL's GRPOTrainer (DAPO's dynamic
sampling is ours), RLOO is TRL's RLOOTrainer; REINFORCE++ and PPO put token
advantages of our own into GRPOTrainer's clipped loss, PPO with a critic.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from transformers import PreTrainedModel
from trl import GRPOTrainer, RLOOTrainer
from trl.models import prepare_deepspeed, prepare_fsdp
from trl.trainer.utils import add_fused_lm_head

from r1.config import Algorithm, GroupRelative, LeaveOneOut, Ppo, ReinforcePlusPlus
from r1.rewards.common import texts
from r1.text import count_reflections, is_mixed
from r1.training.advantages import (
    explained_variance,
    generalized_advantages,
    masked_mean,
    token_rewards,
    value_loss,
    whiten,
)
from r1.training.checkpoints import Checkpointed


class Watched(Checkpointed):
    """What every RL trainer keeps: samples with rewards, language mixing and reflection, KL, seconds by phase.

    A mixin before TRL's trainer.

    Attributes:
        rewards: [batch of all processes, rewards], of the last draw, NaN where one does not apply.
        scores: [local batch], weighted sum of the stage's own rewards of the last draw.
    """

    is_deepspeed_enabled: bool
    is_fsdp_enabled: bool
    ref_model: Any
    num_generations: int
    reward_func_names: list[str]
    reward_weights: Tensor
    _metrics: dict[str, dict[str, list[float]]]

    def __init__(self, *args: Any, algorithm: Algorithm, start: PreTrainedModel | None, **kwargs: Any) -> None:
        """Args: the algorithm; for one without KL, the policy it starts from, to log the KL to it.

        A policy that trains adapters is its own start, without them.
        """
        super().__init__(*args, **kwargs)
        self.algorithm = algorithm
        self.start: Any = None
        if start is not None:
            add_fused_lm_head(start, temperature=self.args.temperature)
            if self.is_deepspeed_enabled:
                self.start = prepare_deepspeed(start, self.accelerator)
            elif self.is_fsdp_enabled:
                self.start = prepare_fsdp(start, self.accelerator)
            else:
                self.start = self.accelerator.prepare_model(start, evaluation_mode=True)
        self.rewards = self.scores = torch.empty(0)
        if self.ref_model is not None:
            self.companions["reference"] = self.ref_model
        self._seconds = dict.fromkeys(("generate", "score"), 0.0)
        self._tokens = dict.fromkeys(("generate", "score", "train"), 0)
        self._logged_at = time.perf_counter()

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._seconds[phase] += time.perf_counter() - started

    def _generate(self, *args: Any) -> Any:
        with self._timed("generate"):
            generated = super()._generate(*args)  # type: ignore[misc]
        prompts, completions = generated[0], generated[1]
        self.record.rollouts += len(completions) * self.accelerator.num_processes
        self._tokens["generate"] += sum(map(len, completions))
        self._tokens["score"] += sum(map(len, prompts)) + sum(map(len, completions))
        return generated

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """A round's rollouts, where one begins; what it takes beside generating is scoring."""
        started, generated = time.perf_counter(), self._seconds["generate"]
        inputs = super()._prepare_inputs(generation_batch)  # type: ignore[misc]
        self._seconds["score"] += time.perf_counter() - started - (self._seconds["generate"] - generated)
        return inputs

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        # TRL's share is of rewards with the KL in them (RLOO) or of the batch: never 1, whatever the groups are.
        scores = self._scores(ignored=self.algorithm.extra_rewards)
        share = len(flat_groups(scores, self.num_generations)) * self.num_generations / len(scores)
        self._metrics["train"]["frac_reward_zero_std"][-1] = share
        self.scores = self._own(scores)
        return batch

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[Any], completions: list[Any], completion_ids_list: list[Any]
    ) -> Tensor:
        rewards: Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)  # type: ignore[misc]
        self.rewards = rewards
        responses = texts(completions)
        self._log_metric("language_mixing", sum(map(is_mixed, responses)) / len(responses))  # type: ignore[attr-defined]
        reflecting = sum(count_reflections(text) > 0 for text in responses)
        self._log_metric("reflection_rate", reflecting / len(responses))  # type: ignore[attr-defined]
        step = self.state.global_step + 1
        if self.record.wants_samples():
            asked = zip(prompts, responses, inputs, strict=True)
            rows = gather_object([(prompt[-1]["content"], text, row["answer"]) for prompt, text, row in asked])
            # The first group and the last: in the final RL the last is a general prompt's.
            group = self.num_generations
            for index in dict.fromkeys([*range(group), *range(len(rows) - group, len(rows))]):
                self.record.samples.append(
                    {
                        "step": step,
                        **dict(zip(("prompt", "completion", "answer"), rows[index], strict=True)),
                        **dict(zip(self.reward_func_names, rewards[index].tolist(), strict=True)),
                    }
                )
        return rewards

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._tokens["train"] += int(inputs["prompt_mask"].sum() + inputs["completion_mask"].sum())
        loss: Tensor = super()._compute_loss(model, inputs)  # type: ignore[misc]
        if self.start is not None:
            self._log_kl_to_start(self.start, self._log_probabilities, inputs)
        elif self.args.beta == 0:
            with self.accelerator.unwrap_model(self.model).disable_adapter():
                self._log_kl_to_start(model, self._log_probabilities, inputs)
        return loss

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        output = super()._get_per_token_logps_and_entropies(*args, **kwargs)  # type: ignore[misc]
        self._log_probabilities = output[0].detach()
        return output

    @torch.no_grad()
    def _log_kl_to_start(self, start: Any, ours: Tensor, inputs: dict[str, Any]) -> None:
        """The k3 estimate that GRPO's loss would hold (paper equation 2), per token; logged as `kl`."""
        ids, attention = prompt_and_completion(inputs)
        mask = inputs["completion_mask"]
        with self._timed("score"):
            starts = self._get_per_token_logps_and_entropies(start, ids, attention, mask.shape[1])[0]
        kl = torch.expm1(starts - ours) - (starts - ours)
        self._metrics["train"]["kl"].append(masked_mean(*self._everywhere(kl, mask)))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the seconds and tokens of each phase since the last log; training is what the other two leave."""
        if "loss" in logs:
            now = time.perf_counter()
            seconds = {**self._seconds, "train": now - self._logged_at - sum(self._seconds.values())}
            local = torch.tensor(list(self._tokens.values()), device=self.accelerator.device)
            tokens = self.accelerator.reduce(local, reduction="sum").tolist()
            self.record.add_phases(self.state.global_step, seconds, dict(zip(self._tokens, tokens, strict=True)))
            self._logged_at = now
            self._seconds = dict.fromkeys(self._seconds, 0.0)
            self._tokens = dict.fromkeys(self._tokens, 0)
        super().log(logs, start_time)  # type: ignore[misc]

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's, with the clock set."""
        self._logged_at = time.perf_counter()
        return super().train(*args, **kwargs)  # type: ignore[misc]

    def _own(self, gathered: Tensor) -> Tensor:
        """This process' rows of a tensor gathered from all."""
        rows = len(gathered) // self.accelerator.num_processes
        return gathered[self.accelerator.process_index * rows :][:rows]

    def _scores(self, ignored: Collection[str] = ()) -> Tensor:
        """[batch of all processes] weighted sum of the rewards but those ignored, NaN where none applies."""
        kept = [index for index, name in enumerate(self.reward_func_names) if name not in ignored]
        rewards = self.rewards[:, kept]
        scores = (rewards * self.reward_weights.to(rewards.device)[kept]).nansum(dim=1)
        scores[rewards.isnan().all(dim=1)] = torch.nan
        return scores

    def _everywhere(self, *tensors: Tensor) -> list[Tensor]:
        """[batch of all processes, tokens] from each process' [local batch, tokens]; what is padded is 0."""
        return [self.accelerator.gather(self.accelerator.pad_across_processes(one, dim=1)) for one in tensors]


def prompt_and_completion(batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask of prompt and completion, [batch, prompt + completion]."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    return ids, torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)


class GroupTrainer(Watched, GRPOTrainer):  # type: ignore[misc]
    """GRPO, Dr. GRPO, GSPO, and DAPO with its dynamic sampling."""

    algorithm: GroupRelative

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Rollouts; groups without variance are replaced by other prompts' that have some (DAPO, section 3.2).

        Variance is that of the stage's own rewards: one of length alone says nothing of a group of wrong answers.
        """
        group, rounds = self.num_generations, self.algorithm.max_resampling_rounds
        if not rounds:
            return super()._generate_and_score_completions(inputs)
        batch = super()._generate_and_score_completions(self._next_prompts(len(inputs) // group))
        scores, flat = self.scores, flat_groups(self.scores, group)
        logged = {name: len(values) for name, values in self._metrics["train"].items()}
        for _ in range(rounds):
            wanted = self.accelerator.gather(torch.tensor([len(flat)], device=self.accelerator.device)).max()
            if not wanted or self.record.spent:
                break
            fresh = super()._generate_and_score_completions(self._next_prompts(int(wanted)))
            varied = sorted(set(range(int(wanted))) - set(flat_groups(self.scores, group)))
            exchanged = list(zip(flat, varied, strict=False))
            out = [row for into, _ in exchanged for row in range(into * group, (into + 1) * group)]
            come = [row for _, taken in exchanged for row in range(taken * group, (taken + 1) * group)]
            batch = replace_rows(batch, out, fresh, come, self._tokenizer.pad_token_id)
            scores[out] = self.scores[come]
            flat = flat_groups(scores, group)
        # What is logged is the first draw, as with other algorithms; the chosen groups flatter the policy.
        for name, values in self._metrics["train"].items():
            del values[logged.get(name, 0) :]
        batch["num_items_in_batch"] = self.accelerator.gather(batch["completion_mask"].sum()).sum()
        return batch

    def _next_prompts(self, groups: int) -> list[dict[str, Any]]:
        """The next prompts of the run, each `num_generations` times.

        By rollouts and not by steps, so that a schedule (general prompts last, the hardest last) is kept
        however many rollouts are spent on replacing.
        """
        start = self.record.rollouts // self.num_generations + self.accelerator.process_index * groups
        rows = [self.train_dataset[(start + number) % len(self.train_dataset)] for number in range(groups)]
        return [dict(row) for row in rows for _ in range(self.num_generations)]


def flat_groups(scores: Tensor, group: int) -> list[int]:
    """Numbers of the groups in which no completion's score differs from another's.

    Args:
        scores: [groups * group], NaN where no reward applies.
        group: completions per group.
    """
    grouped = scores.view(-1, group)
    highest = grouped.nan_to_num(nan=-torch.inf).amax(dim=1)
    lowest = grouped.nan_to_num(nan=torch.inf).amin(dim=1)
    return (~(highest - lowest > 1e-6)).nonzero().flatten().tolist()


def replace_rows(
    batch: dict[str, Any], out: list[int], fresh: dict[str, Any], come: list[int], pad_token_id: int
) -> dict[str, Any]:
    """A batch of rollouts with some rows replaced by rows of another; the shorter of the two is padded.

    Args:
        batch, fresh: TRL's, tensors of [batch, ...]; prompts are padded on the left, completions on the right.
        out, come: the rows that leave `batch`, and as many of `fresh` that take their place.
        pad_token_id: for token ids; all else is padded with 0.
    """
    merged = {}
    for key, value in batch.items():
        other = fresh[key]
        if value.ndim == 2:
            fill = pad_token_id if key.endswith("_ids") else 0
            width = max(value.shape[1], other.shape[1])
            value, other = (_pad(tensor, width, key.startswith("prompt"), fill) for tensor in (value, other))
        if value.ndim:
            value = value.clone()
            value[out] = other[come]
        merged[key] = value
    return merged


def _pad(tensor: Tensor, width: int, left: bool, fill: int) -> Tensor:
    missing = width - tensor.shape[1]
    return nn.functional.pad(tensor, (missing, 0) if left else (0, missing), value=fill)


class LeaveOneOutTrainer(Watched, RLOOTrainer):  # type: ignore[misc]
    """RLOO as TRL has it, watched."""


class TokenTrainer(Watched, GRPOTrainer):  # type: ignore[misc]
    """REINFORCE++: token advantages in GRPOTrainer's clipped loss; the KL is in the reward, not in the loss."""

    algorithm: ReinforcePlusPlus | Ppo
    beta: float

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super()._generate_and_score_completions(inputs)
        mask, scores = batch["completion_mask"], self._own(self._scores())
        if "old_per_token_logps" not in batch:
            batch["old_per_token_logps"] = self._policy_log_probabilities(batch)
        log_ratio = batch["old_per_token_logps"] - batch.get("ref_per_token_logps", batch["old_per_token_logps"])
        if self.beta:
            kl = torch.expm1(-log_ratio) + log_ratio  # k3, so that curves compare; the reward holds k1
            self._metrics["train"]["kl"].append(masked_mean(*self._everywhere(kl, mask)))
        rewards = token_rewards(scores.nan_to_num(nan=0.0), log_ratio, mask, self.beta)
        values = self._values_at_sampling(batch)
        lam = self.algorithm.lam if isinstance(self.algorithm, Ppo) else 1.0
        advantages, returns = generalized_advantages(rewards, values, mask, self.algorithm.gamma, lam)
        scored = mask * ~scores.isnan().unsqueeze(1)  # what no reward applies to teaches nothing
        advantages = whiten(advantages, scored, lambda total: self.accelerator.reduce(total, reduction="sum"))
        return {**batch, "advantages": advantages, "old_values": values, "returns": returns, "scored_mask": scored}

    @torch.no_grad()
    def _policy_log_probabilities(self, batch: dict[str, Any]) -> Tensor:
        ids, attention = prompt_and_completion(batch)
        logps, _, _ = self._get_per_token_logps_and_entropies(
            self.model, ids, attention, batch["completion_ids"].shape[1], self.args.per_device_train_batch_size
        )
        return logps  # type: ignore[no-any-return]

    def _values_at_sampling(self, batch: dict[str, Any]) -> Tensor:
        return torch.zeros_like(batch["old_per_token_logps"])

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        beta, self.beta = self.beta, 0.0
        try:
            return super()._compute_loss(model, inputs)
        finally:
            self.beta = beta


class PpoTrainer(TokenTrainer):
    """PPO: as REINFORCE++, with advantages over a critic that learns beside the policy."""

    algorithm: Ppo

    def __init__(self, *args: Any, critic: nn.Module, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.critic: nn.Module = self.accelerator.prepare_model(critic)
        self.companions["critic"] = critic

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super()._generate_and_score_completions(inputs)
        values, returns, mask = self._everywhere(batch["old_values"], batch["returns"], batch["scored_mask"])
        self._metrics["train"]["critic/explained_variance"].append(explained_variance(values, returns, mask))
        self._metrics["train"]["critic/value"].append(masked_mean(values, mask))
        return batch

    def _values(self, batch: dict[str, Any]) -> Tensor:
        """[batch, tokens], the critic's value of the state before each token."""
        ids, attention = prompt_and_completion(batch)
        values: Tensor = self.critic(input_ids=ids, attention_mask=attention).logits[..., 0]
        return values[:, -batch["completion_ids"].shape[1] - 1 : -1]

    @torch.no_grad()
    def _values_at_sampling(self, batch: dict[str, Any]) -> Tensor:
        rows, size = len(batch["prompt_ids"]), self.args.per_device_train_batch_size
        keys = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask")
        return torch.cat(
            [self._values({key: batch[key][start : start + size] for key in keys}) for start in range(0, rows, size)]
        )

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        loss = super()._compute_loss(model, inputs)
        mask, clip = inputs["scored_mask"], self.algorithm.value_clip
        error = value_loss(self._values(inputs), inputs["old_values"], inputs["returns"], mask, clip)
        self._metrics["train"]["critic/loss"].append(float(self.accelerator.gather(error.detach()).mean()))
        if self.state.global_step < self.algorithm.critic_warmup_steps:
            loss = 0.0 * loss
        total: Tensor = loss + error / self.current_gradient_accumulation_steps
        return total

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """TRL's, with the critic as a group of its own learning rate."""
        fresh = self.optimizer is None
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        if fresh:
            optimizer.add_param_group(
                {
                    "params": list(self.critic.parameters()),
                    "lr": self.algorithm.critic_learning_rate,
                    "weight_decay": 0.0,
                }
            )
            # Trainer clears the gradients of its own model only.
            optimizer.register_step_post_hook(lambda *_: self.critic.zero_grad())
        return optimizer

    def _clip_grad_norm(self, model: Any) -> Any:
        """Policy and critic are clipped apart: a large error of the one must not hold back the other."""
        self.accelerator.clip_grad_norm_(self.critic.parameters(), self.args.max_grad_norm)
        return super()._clip_grad_norm(model)


TRAINERS: dict[type, type[Watched]] = {
    GroupRelative: GroupTrainer,
    LeaveOneOut: LeaveOneOutTrainer,
    ReinforcePlusPlus: TokenTrainer,
    Ppo: PpoTrainer,
}
