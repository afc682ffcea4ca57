"""Logging shared by all RL trainers, as a mixin placed before TRL's trainer."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from trl.models import prepare_deepspeed
from trl.trainer.utils import add_fused_lm_head

from r1.config.correction import CorrectionConfig, OffCorrectionConfig
from r1.config.rl import AlgorithmConfig, RlConfig
from r1.models.generation import generate_shrinking
from r1.models.sharding import shard
from r1.models.turns import cut_tokens
from r1.rewards.common import texts
from r1.rewards.response import count_reflections, is_mixed
from r1.rl.advantages import masked_mean, mean_by_row
from r1.rl.correction import log_ratios, statistics, weights
from r1.rl.kept import Kept
from r1.rl.micro_batches import MicroBatched
from r1.rl.rollout_batch import flat_groups, prompt_and_completion


class Watched(Kept, MicroBatched):
    """Log language mixing, reflection, KL, and seconds and tokens by phase.

    A mixin, placed before TRL's trainer. It also weights vLLM's rollouts (r1/rl/correction.py).

    Attributes:
        rewards: [global batch, rewards] of the last rollouts, NaN where a reward does not apply.
        scores: [local batch], weighted sum of the stage's own rewards of the last rollouts.
    """

    is_deepspeed_enabled: bool
    is_fsdp_enabled: bool
    ref_model: Any
    num_generations: int
    processing_class: Any
    use_vllm: bool
    eos_token_ids: list[int]
    reward_func_names: list[str]
    reward_weights: Tensor
    _metrics: dict[str, dict[str, list[float]]]

    def __init__(self, *args: Any, rl: RlConfig, start: PreTrainedModel | None, **kwargs: Any) -> None:
        """Args: settings of all RL runs; without a KL penalty, a copy of the initial policy, to log the KL to it.

        With LoRA no copy is needed: the initial policy is the policy without its adapters.
        """
        super().__init__(*args, rl=rl, **kwargs)
        self.algorithm: AlgorithmConfig = rl.algorithm
        self.correction: CorrectionConfig = rl.correction
        if self.stops and not self.use_vllm:  # transformers needs the tokenizer for it, which TRL does not pass
            self.model.generate = partial(self.model.generate, stop_strings=self.stops, tokenizer=self.processing_class)
        elif not (self.use_vllm or self.is_deepspeed_enabled or self.is_fsdp_enabled):
            self.model.generate = partial(generate_shrinking, self.model.generate)
        self.start: Any = None
        if start is not None:
            add_fused_lm_head(start, temperature=self.args.temperature)
            if self.is_deepspeed_enabled:
                self.start = prepare_deepspeed(start, self.accelerator)
            elif self.is_fsdp_enabled:
                self.start = shard(start)
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
        if self.stops:  # TRL counts a rollout without an end token as truncated
            truncated = torch.tensor(self._truncated(completions), device=self.accelerator.device)
            share = self.accelerator.gather(truncated).float().mean()
            self._metrics["train"]["completions/clipped_ratio"][-1] = share.item()
        self.record.rollouts += len(completions) * self.accelerator.num_processes
        self._tokens["generate"] += sum(map(len, completions))
        self._tokens["score"] += sum(map(len, prompts)) + sum(map(len, completions))
        return generated

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        """Sample; a rollout that a stop string ended loses the padding that transformers adds to it.

        No end token is added in its place: the policy did not sample one. So the policy does not learn to emit its end
        token either, and the model directory keeps the stop string in its chat template until fine-tuning.
        """
        sampled = super()._generate_single_turn(*args, **kwargs)  # type: ignore[misc]
        if not self.stops:
            return sampled
        completions, *rest = sampled if isinstance(sampled, tuple) else (sampled,)
        ids = [cut_tokens(self.processing_class, one, self.stops) for one in completions]
        if not rest:
            return ids
        log_probabilities = rest[0]  # only vLLM's, which adds no padding
        return ids, log_probabilities

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """Sample and score rollouts at the start of a round; time not spent on generation counts as scoring."""
        started, generated = time.perf_counter(), self._seconds["generate"]
        inputs = super()._prepare_inputs(generation_batch)  # type: ignore[misc]
        self._write_drawn()
        self._seconds["score"] += time.perf_counter() - started - (self._seconds["generate"] - generated)
        return inputs

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        # TRL's value includes the KL in the rewards (RLOO) or takes the batch as the group: it would never reach 1.
        scores = self._scores(ignored=self.algorithm.extra_rewards)
        share = len(flat_groups(scores, self.num_generations)) * self.num_generations / len(scores)
        self._metrics["train"]["frac_reward_zero_std"][-1] = share
        self.scores = self._local(scores)
        self._note("advantage", batch["advantages"])
        batch = self._compared_with_sampler(batch)
        if "old_per_token_logps" in batch:
            self._note("trainer_logprob", mean_by_row(batch["old_per_token_logps"], batch["completion_mask"]))
        elif "old_logps" in batch:  # RLOO has their sum
            self._note("trainer_logprob", batch["old_logps"] / batch["completion_mask"].sum(dim=1).clamp(min=1))
        return batch

    def _compared_with_sampler(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Log how far the trainer is from the sampler, and add `sampler_weights`, [batch, tokens].

        Without the sampler's log-probabilities there is nothing to do: transformers rollouts are the trainer's own.
        """
        sampler = self._sampler_log_probabilities(batch)
        if sampler is None:
            return batch
        if "old_per_token_logps" not in batch:
            batch["old_per_token_logps"] = self._policy_log_probabilities(batch)
        mask = batch["completion_mask"]
        self._note("sampler_logprob", mean_by_row(sampler, mask))
        log_ratio = log_ratios(batch["old_per_token_logps"], sampler, mask)
        everywhere, masks = self._gathered(log_ratio, mask)
        for name, value in statistics(everywhere, masks, self.correction).items():
            self._metrics["train"][f"sampler/{name}"].append(value)
        if not isinstance(self.correction, OffCorrectionConfig):
            batch["sampler_weights"] = weights(log_ratio, self.correction)
        return batch

    def _sampler_log_probabilities(self, batch: dict[str, Any]) -> Tensor | None:
        """The sampler's log-probabilities of the completions, [batch, tokens]; None for transformers rollouts."""
        logps: Tensor | None = batch.pop("sampling_per_token_logps", None)
        return logps

    @torch.no_grad()
    def _policy_log_probabilities(self, batch: dict[str, Any]) -> Tensor:
        ids, attention = prompt_and_completion(batch)
        logps, _, _ = self._get_per_token_logps_and_entropies(
            self.model, ids, attention, batch["completion_ids"].shape[1], self.args.per_device_train_batch_size
        )
        return logps  # type: ignore[no-any-return]

    def _weighted(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Weight the advantages: in GRPO's losses the same as weighting the token's loss, but not its KL."""
        if "sampler_weights" not in inputs:
            return inputs
        advantages = inputs["advantages"]
        per_token = advantages if advantages.ndim == 2 else advantages.unsqueeze(1)
        return {**inputs, "advantages": per_token * inputs["sampler_weights"]}

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[Any], completions: list[Any], completion_ids_list: list[Any]
    ) -> Tensor:
        if self.opened or self.stops:
            turns = self._turns(texts(completions))
            completions = [[{"role": "assistant", "content": text}] for text in turns]
        rewards: Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)  # type: ignore[misc]
        self.rewards = rewards
        responses = texts(completions)
        self._log_metric("language_mixing", sum(map(is_mixed, responses)) / len(responses))  # type: ignore[attr-defined]
        reflecting = sum(count_reflections(text) > 0 for text in responses)
        self._log_metric("reflection_rate", reflecting / len(responses))  # type: ignore[attr-defined]
        self._keep(inputs, prompts, responses, completion_ids_list)
        return rewards

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._tokens["train"] += int(inputs["prompt_mask"].sum() + inputs["completion_mask"].sum())
        loss: Tensor = super()._compute_loss(model, self._weighted(inputs))  # type: ignore[misc]
        if self.start is not None:
            self._log_kl_to_start(self.start, self._log_probabilities, inputs)
        elif self.args.beta == 0:
            with self.accelerator.unwrap_model(self.model).disable_adapter():
                self._log_kl_to_start(model, self._log_probabilities, inputs)
        return loss

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        output = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self._log_probabilities = output[0].detach()
        return output

    @torch.no_grad()
    def _log_kl_to_start(self, start: Any, ours: Tensor, inputs: dict[str, Any]) -> None:
        """Log as `kl` the k3 estimate per token that GRPO's loss would contain (paper equation 2)."""
        ids, attention = prompt_and_completion(inputs)
        mask = inputs["completion_mask"]
        with self._timed("score"):
            starts = self._get_per_token_logps_and_entropies(start, ids, attention, mask.shape[1])[0]
        kl = torch.expm1(starts - ours) - (starts - ours)
        self._metrics["train"]["kl"].append(masked_mean(*self._gathered(kl, mask)))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Record seconds and tokens by phase since the last log; time in neither other phase counts as training."""
        if "loss" in logs:
            now = time.perf_counter()
            seconds = {**self._seconds, "train": now - self._logged_at - sum(self._seconds.values())}
            local = torch.tensor(list(self._tokens.values()), device=self.accelerator.device)
            tokens = self.accelerator.reduce(local, reduction="sum").tolist()
            self.record.add_phases(self.state.global_step, seconds, dict(zip(self._tokens, tokens, strict=True)))
            self._seconds = dict.fromkeys(self._seconds, 0.0)
            self._tokens = dict.fromkeys(self._tokens, 0)
        super().log(logs, start_time)
        self._logged_at = time.perf_counter()  # evaluation is in no phase

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Start the clock, then train."""
        self._logged_at = time.perf_counter()
        return super().train(*args, **kwargs)

    def _local(self, gathered: Tensor) -> Tensor:
        """This process's rows of a tensor gathered from all processes."""
        rows = len(gathered) // self.accelerator.num_processes
        return gathered[self.accelerator.process_index * rows :][:rows]

    def _scores(self, ignored: Collection[str] = ()) -> Tensor:
        """Weighted sum of the rewards except those ignored, [global batch], NaN where no reward applies."""
        kept = [index for index, name in enumerate(self.reward_func_names) if name not in ignored]
        rewards = self.rewards[:, kept]
        scores = (rewards * self.reward_weights.to(rewards.device)[kept]).nansum(dim=1)
        scores[rewards.isnan().all(dim=1)] = torch.nan
        return scores

    def _gathered(self, *tensors: Tensor) -> list[Tensor]:
        """Gather each process's [local batch, tokens] into [global batch, tokens], padded with 0."""
        return [self.accelerator.gather(self.accelerator.pad_across_processes(one, dim=1)) for one in tensors]
